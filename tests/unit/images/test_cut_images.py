"""Sound images are accepted; partial copies are not, unless a guest reads the same from them.

The whole set is tests/fuzz/cut_images.py's; this is a sample.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from hostile import CLUSTER, put, qcow2
from hostile.partial import SECTOR, with_bitmap, with_snapshot, write_gpt
from support import cut_images
from support.cut_images import MIB, check, judge, run

pytestmark = pytest.mark.usefixtures("qemu_img")


@pytest.mark.parametrize("options", cut_images.OPTIONS)
def test_sound_qcow2_images_are_accepted_and_cut_ones_only_if_they_read_the_same(tmp_path: Path, options: str) -> None:
    random = Random(options)
    images, _ = judge(cut_images.qcow2(tmp_path, random, [options]), random, 3)
    assert images or "zstd" in options


def test_sound_raw_disks_are_accepted_and_cut_ones_only_if_they_read_the_same(tmp_path: Path) -> None:
    random = Random(1)
    images, cuts = judge(cut_images.raw(tmp_path, random), random, 6)
    assert (images, cuts) == (7, 42)


def test_image_longer_than_it_says_is_accepted(tmp_path: Path) -> None:
    disk = bytearray(8 << 20)
    write_gpt(disk)
    assert check(put(tmp_path / "gpt", bytes(disk) + bytes(1 << 20))) == ""
    assert check(put(tmp_path / "qcow2", qcow2() + b"x" * CLUSTER)) == ""


def leaked(clusters: int = 1, *patches: tuple[int, bytes]) -> bytes:
    """Return an image whose refcounts count clusters behind its end, as after a crash."""
    return qcow2(patches=[(2 * CLUSTER + 8, b"\0\1" * clusters), *patches])


def test_clusters_that_a_crash_has_leaked_behind_the_end_do_not_make_an_image_partial(tmp_path: Path) -> None:
    assert check(put(tmp_path / "image", leaked())) == ""
    assert check(put(tmp_path / "image", leaked(100))) == ""
    # another block of refcounts
    assert check(put(tmp_path / "image", qcow2(patches=[(CLUSTER + 8, (9 * CLUSTER).to_bytes(8, "big"))]))) == ""


def test_clusters_behind_the_end_that_the_guest_reads_do(tmp_path: Path) -> None:
    l1_entry = (3 * CLUSTER, (1 << 63 | 4 * CLUSTER).to_bytes(8, "big"))
    assert check(put(tmp_path / "image", leaked(1, l1_entry))) == "truncated"


LEAKED = {
    "snapshot": with_snapshot(7 * CLUSTER) + bytes(CLUSTER),
    "snapshot that has nothing": with_snapshot(0),
    "disk that ends within its last cluster": with_snapshot(7 * CLUSTER, SECTOR) + bytes(SECTOR),
    "a guest's memory": with_snapshot(7 * CLUSTER, CLUSTER, 7) + bytes(SECTOR),
    "bitmap": with_bitmap(6 * CLUSTER) + bytes(CLUSTER),
    "bitmap of nothing but ones": with_bitmap(1),
}


@pytest.mark.parametrize("content", LEAKED.values(), ids=LEAKED.keys())
def test_nor_do_they_with_snapshots_and_bitmaps_that_are_complete(tmp_path: Path, content: bytes) -> None:
    assert check(put(tmp_path / "image", content)) == ""


def test_nor_do_they_in_a_large_disk(tmp_path: Path) -> None:
    path = tmp_path / "image"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", path, "2T")
    # each is in another L2 table, of 2 MiB
    run("qemu-io", "-f", "qcow2", *(word for at in range(4) for word in ("-c", f"write {at * 512}G 4k")), path)
    with open(path, "r+b") as image:
        image.seek(48)
        image.seek(int.from_bytes(image.read(8), "big"))
        image.seek(int.from_bytes(image.read(8), "big") + 2 * (path.stat().st_size // (2 * MIB) + 1))
        image.write(b"\0\1")
    assert check(path) == ""
