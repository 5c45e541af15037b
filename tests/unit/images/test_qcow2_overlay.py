"""The overlay that we write: what `qemu-img create` would have written, and a disk that QEMU can do anything with."""

from __future__ import annotations

import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.images import formats, qcow2_header, qcow2_overlay
from condor_kvm_stage.images.qcow2_overlay import LARGEST
from hostile import BACKING_FORMAT, CLUSTER, MIB
from support import overlays
from support.inspected_images import as_qemu_has_it, inspect
from support.staged_disks import write_raw

QemuImg = Callable[..., str]

GIB, TIB = 1 << 30, 1 << 40
# of a sector, of what one L2 table stands for, and of what an L1 table of one cluster does
LIMITS = [1, 512, 513, 512 * MIB, 512 * MIB + 1, 4 * TIB, 4 * TIB + 1, LARGEST]

# as many of each order of magnitude
sizes = st.integers(0, 50).flatmap(lambda bits: st.integers(1 << bits, 2 << bits))
characters = st.characters(blacklist_categories=("C", "Z"))
# what image.py lets through: printable, at most 1023 bytes
names = st.text(characters | st.sampled_from(' :,"\\%/'), max_size=1100).map(
    lambda text: ("/" + text).encode()[:1023].decode(errors="ignore")
)
base_formats = st.sampled_from(["raw", "qcow2"])


def written(base: str, base_format: str, size: int) -> bytes:
    """Return the content of an overlay, without a file system."""
    descriptor = os.memfd_create("overlay")
    try:
        qcow2_overlay.write(descriptor, base, base_format, size)
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


@settings(deadline=None)
@given(names, base_formats, sizes)
def test_says_what_it_was_asked_for_and_counts_each_cluster_once(base: str, base_format: str, size: int) -> None:
    content = written(base, base_format, size)
    header = qcow2_header.read(content[: formats.HEAD], len(content), LARGEST, "overlay", "overlay")
    assert (header.backing, header.backing_format) == (base, base_format)
    assert size <= header.virtual_size < size + 512
    found = overlays.parts(content)
    assert (found.backing, found.extensions) == (os.fsencode(base), {BACKING_FORMAT: base_format.encode()})
    # header, refcount table, refcount block, L1 table: one after the other
    clusters = 3 + -(-found.fields["l1_size"] * 8 // CLUSTER)
    table, block, l1_table = (found.behind[n * CLUSTER :] for n in range(3))
    assert table[:CLUSTER] == (2 * CLUSTER).to_bytes(8, "big").ljust(CLUSTER, b"\0")
    assert block[:CLUSTER] == (b"\0\1" * clusters).ljust(CLUSTER, b"\0")
    assert l1_table == bytes(found.fields["l1_size"] * 8)


def described(path: Path, qemu_img: QemuImg) -> object:
    """What qemu-img says of a file, but for the file's name and the space that it takes."""

    def less(found: object) -> object:
        if isinstance(found, dict):
            return {name: less(value) for name, value in found.items() if name not in ("filename", "actual-size")}
        return [less(value) for value in found] if isinstance(found, list) else found

    return less(json.loads(qemu_img("info", "--output=json", "-f", "qcow2", path)))


def assert_same_as_of_qemu_img(directory: Path, qemu_img: QemuImg, base: str, base_format: str, size: int) -> None:
    ours, theirs = directory / "ours", directory / "theirs"
    for path in (ours, theirs):
        path.unlink(missing_ok=True)
    overlays.write(ours, base, base_format, size)
    qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", base_format, "-b", base, theirs, str(size))
    expected = overlays.parts(theirs.read_bytes())
    assert overlays.FEATURE_NAMES in expected.extensions
    assert overlays.parts(ours.read_bytes()) == expected.without_feature_names()
    assert described(ours, qemu_img) == described(theirs, qemu_img)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("overlays")


@settings(max_examples=15, deadline=None)
@given(names, base_formats, st.integers(1, 16 * TIB) | st.integers(1, GIB))
def test_is_what_qemu_img_writes(directory: Path, base: str, base_format: str, size: int) -> None:
    def qemu_img(*arguments: str | Path) -> str:
        return subprocess.run(["qemu-img", *arguments], check=True, capture_output=True, timeout=30).stdout.decode()

    assert_same_as_of_qemu_img(directory, qemu_img, base, base_format, size)


@pytest.mark.parametrize("size", LIMITS)
def test_is_what_qemu_img_writes_at_the_limits(tmp_path: Path, qemu_img: QemuImg, size: int) -> None:
    base = str(write_raw(tmp_path / "base"))
    assert_same_as_of_qemu_img(tmp_path, qemu_img, base, "raw", size)
    assert "No errors were found" in qemu_img("check", tmp_path / "ours")


def test_largest_is_what_qemu_img_takes_and_no_more(tmp_path: Path, qemu_img: QemuImg) -> None:
    arguments = ["create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", "/base", str(tmp_path / "theirs")]
    qemu_img(*arguments, str(LARGEST))
    with pytest.raises(subprocess.CalledProcessError) as caught:
        qemu_img(*arguments, str(LARGEST + 1))
    assert "too large for file format 'qcow2'" in caught.value.stderr


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
@pytest.mark.parametrize("size", [1, 1000, 5 * MIB + 512])
def test_without_a_size_of_its_own_it_is_the_same_disk_as_its_base(
    tmp_path: Path, qemu_img: QemuImg, image_format: str, size: int
) -> None:
    source, base = tmp_path / "source", tmp_path / "base"
    source.write_bytes(random.Random(size).randbytes(size))
    qemu_img("convert", "-f", "raw", "-O", image_format, source, base)
    if image_format == "raw":
        os.truncate(base, size)  # qemu-img made it whole sectors
    found = inspect(base, insists=size < 512)
    ours = overlays.write(tmp_path / "ours", found.path, found.format, found.virtual_size)
    qemu_img("create", "-q", "-f", "qcow2", "-F", image_format, "-b", base, tmp_path / "theirs")
    assert described(ours, qemu_img) == described(tmp_path / "theirs", qemu_img)
    assert "Images are identical." in qemu_img("compare", "-s", "-F", image_format, "-f", "qcow2", ours, base)


def test_name_as_long_as_qemu_takes_leads_to_the_base_and_leaves_room_in_the_header(
    tmp_path: Path, qemu_img: QemuImg
) -> None:
    # names of at most 255 bytes; "é" has two
    longest = os.path.join(str(tmp_path), *["é" * 100] * 3)
    longest = os.path.join(longest, "x" * 200, "y" * (1023 - 201 - 1 - len(os.fsencode(longest))))
    assert len(os.fsencode(longest)) == 1023
    os.makedirs(os.path.dirname(longest))
    base = write_raw(Path(longest))
    ours = overlays.write(tmp_path / "ours", base, "raw", MIB)
    assert [link["filename"] for link in as_qemu_has_it(ours, "qcow2")] == [str(ours), longest]
    assert "Images are identical." in qemu_img("compare", "-F", "raw", ours, base)
    qemu_img("amend", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", ours)  # rewrites the header
    found = overlays.parts(ours.read_bytes())
    assert (found.backing, found.fields["compatible_features"]) == (os.fsencode(longest), 1)
    assert overlays.FEATURE_NAMES in found.extensions
    assert "No errors were found" in qemu_img("check", ours)


def test_chain_of_overlays_is_sound_to_us_and_to_qemu(tmp_path: Path, qemu_img: QemuImg) -> None:
    path, image_format = write_raw(tmp_path / "0"), "raw"
    for number in range(1, 5):
        path = overlays.write(tmp_path / str(number), path, image_format, number * MIB)
        image_format = "qcow2"
        found = inspect(path)
        assert (found.format, found.virtual_size) == ("qcow2", number * MIB)
        assert "No errors were found" in qemu_img("check", path)
    assert [link["filename"] for link in as_qemu_has_it(path, "qcow2")] == [str(tmp_path / n) for n in "43210"]


class Disk:
    """An overlay that QEMU works on, and what should be on it."""

    def __init__(self, path: Path, content: bytes, qemu_img: QemuImg) -> None:
        self.path = path
        self.content = bytearray(content)
        self.qemu_img = qemu_img

    def io(self, *commands: str) -> None:
        options = [word for command in commands for word in ("-c", command)]
        run = ["qemu-io", "-f", "qcow2", "-d", "unmap", *options, str(self.path)]
        subprocess.run(run, check=True, capture_output=True, timeout=30)

    def write(self, pattern: int, offset: int, length: int) -> None:
        self.io(f"write -P {pattern} {offset} {length}")
        self.content[offset : offset + length] = bytes([pattern]) * length

    def assert_right(self, path: Path | None = None, image_format: str = "qcow2") -> None:
        """Assert that the disk, or the one at another path, has what should be on it, and that nothing is wrong."""
        path = path or self.path
        raw = path.with_name("content")
        self.qemu_img("convert", "-f", image_format, "-O", "raw", path, raw)
        assert raw.read_bytes() == self.content
        if image_format == "qcow2":
            assert "No errors were found" in self.qemu_img("check", path)


@pytest.mark.parametrize("base_format", ["raw", "qcow2"])
def test_qemu_works_on_it_as_on_any_disk(tmp_path: Path, qemu_img: QemuImg, base_format: str) -> None:
    content = random.Random(1).randbytes(MIB + 512)
    source, base, copy = tmp_path / "source", tmp_path / "base", tmp_path / "copy"
    source.write_bytes(content)
    qemu_img("convert", "-f", "raw", "-O", base_format, source, base)
    disk = Disk(overlays.write(tmp_path / "ours", base, base_format, 2 * MIB), content.ljust(2 * MIB, b"\0"), qemu_img)
    disk.assert_right()

    disk.write(1, 0, 512)
    disk.write(2, CLUSTER - 512, 3 * CLUSTER)
    disk.write(3, MIB - 512, 4096)
    disk.io(f"discard {8 * CLUSTER} {CLUSTER}", f"write -z {10 * CLUSTER} {CLUSTER}")
    for cluster in (8, 10):
        disk.content[cluster * CLUSTER : (cluster + 1) * CLUSTER] = bytes(CLUSTER)
    disk.assert_right()

    qemu_img("snapshot", "-c", "one", disk.path)
    disk.io(f"write -P 4 0 {MIB}")
    qemu_img("snapshot", "-a", "one", disk.path)
    disk.assert_right()
    qemu_img("snapshot", "-d", "one", disk.path)
    disk.assert_right()

    qemu_img("resize", "-q", disk.path, str(600 * MIB))  # a second entry in the L1 table
    qemu_img("resize", "-q", "--shrink", disk.path, str(3 * MIB))
    disk.content.extend(bytes(MIB))
    disk.assert_right()

    qemu_img("convert", "-O", "qcow2", disk.path, copy)
    disk.assert_right(copy)
    disk.path.with_name("flat").write_bytes(disk.path.read_bytes())
    qemu_img("rebase", "-b", "", tmp_path / "flat")
    disk.assert_right(tmp_path / "flat")

    qemu_img("commit", "-q", disk.path)
    disk.assert_right(base, base_format)
    disk.assert_right()


def test_both_ends_of_the_largest_disk_can_be_written(tmp_path: Path, qemu_img: QemuImg) -> None:
    disk = Disk(overlays.write(tmp_path / "ours", write_raw(tmp_path / "base"), "raw", LARGEST), b"", qemu_img)
    disk.io("write -P 1 0 512", f"write -P 2 {LARGEST - 512} 512")
    disk.io("read -P 1 0 512", f"read -P 0 {LARGEST - 1024} 512", f"read -P 2 {LARGEST - 512} 512")
    assert "No errors were found" in qemu_img("check", disk.path)


def test_file_grows_beyond_what_its_refcount_block_counts(tmp_path: Path, qemu_img: QemuImg) -> None:
    ours = overlays.write(tmp_path / "ours", write_raw(tmp_path / "base"), "raw", MIB)
    qemu_img("resize", "-q", "--preallocation=metadata", ours, "3G")  # a block is enough for 2 GiB
    assert ours.stat().st_size > 2 * GIB
    assert "No errors were found" in qemu_img("check", ours)
    assert "Images are identical." in qemu_img("compare", "-F", "raw", ours, tmp_path / "base")


def test_writes_that_the_system_takes_in_pieces_come_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = written("/base", "raw", 4 * TIB)
    system, calls = os.pwrite, []

    def in_pieces(descriptor: int, data: bytes, offset: int) -> int:
        calls.append(len(data))
        return system(descriptor, data[:7], offset)

    monkeypatch.setattr("posix.pwrite", in_pieces)
    assert written("/base", "raw", 4 * TIB) == whole
    assert len(calls) > 20


def test_full_disk_is_an_error() -> None:
    with open("/dev/full", "r+b", buffering=0) as full, pytest.raises(OSError, match="No space left on device"):
        qcow2_overlay.write(full.fileno(), "/base", "raw", MIB)


def test_takes_hardly_any_space_whatever_its_size(tmp_path: Path) -> None:
    for size in (512, LARGEST):
        ours = overlays.write(tmp_path / str(size), "/base", "raw", size)
        assert ours.stat().st_blocks * 512 <= 3 * CLUSTER  # how little is up to the file system
