"""Sound images are accepted, and described as QEMU describes them; other formats are refused by their names."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import hostile
from condor_kvm_stage.failures import SpecificationError
from hostile import CLUSTER, MIB, UNKNOWN_EXTENSION, put, qcow2
from support.inspected_images import as_qemu_has_it, inspect


@pytest.fixture
def make(qemu_img: Callable[..., str]) -> Callable[..., None]:
    """Let qemu-img make an image. Some distributions build theirs without some formats: there the test is skipped."""

    def run(*arguments: str | Path) -> None:
        try:
            qemu_img(*arguments)
        except subprocess.CalledProcessError as error:
            if re.search("Unknown file format|Invalid parameter 'zstd'", error.stderr):
                pytest.skip(error.stderr.strip())
            raise

    return run


@pytest.mark.parametrize(
    "options",
    [
        "compat=0.10",
        "compat=1.1",
        "cluster_size=512",
        "cluster_size=4k",
        "cluster_size=64k",
        "cluster_size=2M",
        "cluster_size=512,compat=0.10",
        "extended_l2=on",
        "extended_l2=on,cluster_size=16k",
        "compression_type=zstd",
        "lazy_refcounts=on",
        "refcount_bits=1",
        "refcount_bits=64",
        "preallocation=metadata",
        "preallocation=full,cluster_size=512",
    ],
)
@pytest.mark.parametrize("size", ["1M", "1234567"])
def test_qcow2_images_as_qemu_img_makes_them_are_accepted(
    tmp_path: Path, make: Callable[..., None], options: str, size: str
) -> None:
    path = tmp_path / "image.raw"
    make("create", "-q", "-f", "qcow2", "-o", options, path, size)
    found = inspect(path)
    (expected,) = as_qemu_has_it(path, "qcow2")
    assert (found.path, found.format, found.iso) == (str(path), "qcow2", False)
    assert found.virtual_size == expected["virtual-size"]


@pytest.mark.parametrize("size", ["512", "100G", "16T"])
def test_qcow2_disks_of_all_sizes_are_accepted(tmp_path: Path, qemu_img: Callable[..., str], size: str) -> None:
    path = tmp_path / "image"
    qemu_img("create", "-q", "-f", "qcow2", path, size)
    (expected,) = as_qemu_has_it(path, "qcow2")
    assert inspect(path).virtual_size == expected["virtual-size"]


@pytest.mark.parametrize("cluster_size", ["512", "64k"])
def test_internal_snapshots_and_bitmaps_are_accepted(
    tmp_path: Path, qemu_img: Callable[..., str], cluster_size: str
) -> None:
    path = tmp_path / "image"
    qemu_img("create", "-q", "-f", "qcow2", "-o", f"cluster_size={cluster_size}", path, "1M")
    for name in ("first", "second"):
        qemu_img("snapshot", "-c", name, path)
        qemu_img("bitmap", "--add", path, name)
    (expected,) = as_qemu_has_it(path, "qcow2")
    assert len(expected["snapshots"]) == len(expected["format-specific"]["data"]["bitmaps"]) == 2
    assert inspect(path).virtual_size == MIB


@pytest.mark.parametrize("options", [["-c"], ["-c", "-o", "compression_type=zstd"], ["-o", "cluster_size=512"]])
def test_images_with_data_are_accepted(tmp_path: Path, make: Callable[..., None], options: list[str]) -> None:
    raw = put(tmp_path / "raw", hostile.FOREIGN["tar"] * 100)
    path = tmp_path / "image"
    make("convert", *options, "-f", "raw", "-O", "qcow2", raw, path)
    (expected,) = as_qemu_has_it(path, "qcow2")
    assert inspect(path).virtual_size == expected["virtual-size"] == raw.stat().st_size


SOUND_HEADERS = {
    "version 2": qcow2(2),
    "version 3": qcow2(3),
    "the shortest": qcow2(3, header_length=104),
    "a longer one": qcow2(3, header_length=120),
    "compatible features": qcow2(3, compatible_features=2**64 - 2),
    "autoclear features": qcow2(3, autoclear_features=2**64 - 4),
    "unknown extension, version 2": qcow2(2, extensions=[(UNKNOWN_EXTENSION, b"anything")]),
    "unknown extensions": qcow2(3, extensions=[(UNKNOWN_EXTENSION, bytes(CLUSTER // 4)), (UNKNOWN_EXTENSION, b"")]),
    "bitmaps that are not there": qcow2(3, autoclear_features=1),
    "an L1 table with room": qcow2(3, l1_size=2),
    "a place for snapshots": qcow2(3, nb_snapshots=0, snapshots_offset=CLUSTER),
    "a snapshot": qcow2(3, nb_snapshots=1, snapshots_offset=3 * CLUSTER),
    "one sector": qcow2(3, size=512),
}


@pytest.mark.parametrize("content", SOUND_HEADERS.values(), ids=SOUND_HEADERS.keys())
def test_unusual_but_sound_headers_are_accepted(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path / "image", content)
    (expected,) = as_qemu_has_it(path, "qcow2")
    assert inspect(path).virtual_size == expected["virtual-size"]


@pytest.mark.parametrize("version", [2, 3])
def test_image_that_hostile_ones_are_made_from_has_no_error(
    tmp_path: Path, qemu_img: Callable[..., str], version: int
) -> None:
    path = put(tmp_path / "image", qcow2(version))
    assert "No errors were found" in qemu_img("check", "-f", "qcow2", path)


def test_longest_name_of_a_backing_file_is_accepted(tmp_path: Path) -> None:
    put(tmp_path / "base")
    name = "./" * 509 + "/base"
    assert len(name) == 1023
    path = put(tmp_path / "image", qcow2(backing=name.encode(), backing_format=b"raw"))
    assert len(as_qemu_has_it(path, "qcow2")) == 2
    assert inspect(path).format == "qcow2"


RAW = {
    "zeros": (bytes(MIB), False),
    "MBR": (bytes(510) + b"\x55\xaa", False),
    "GPT": (bytes(510) + b"\x55\xaaEFI PART" + bytes(MIB), False),
    "ISO": (bytes(0x8001) + b"CD001" + bytes(2042), True),
    "ISO with MBR": (bytes(510) + b"\x55\xaa" + bytes(0x8001 - 512) + b"CD001" + bytes(MIB), True),
    "ends within a signature": (bytes(0x8001) + b"CD00", False),
    "signature of qcow2 elsewhere": (bytes(1) + b"QFI\xfb" + bytes(511), False),
    "signature of vpc elsewhere": (bytes(1) + b"conectix" + bytes(511), False),
}


@pytest.mark.parametrize(("content", "iso"), RAW.values(), ids=RAW.keys())
def test_raw_images_are_accepted_whatever_their_name(tmp_path: Path, content: bytes, iso: bool) -> None:
    path = put(tmp_path / "image.qcow2", content)
    found = inspect(path)
    as_qemu_has_it(path, "raw")
    assert (found.format, found.virtual_size, found.iso) == ("raw", len(content), iso)


@pytest.mark.parametrize("content", [b"\xeb\x3c", b"QFI", b"text\n" * 1000])
def test_anything_is_a_raw_disk_if_somebody_says_so(tmp_path: Path, content: bytes) -> None:
    path = put(tmp_path / "image", content)
    with pytest.raises(SpecificationError) as caught:
        inspect(path)
    assert caught.value.check == "format"
    found = inspect(path, insists=True)
    as_qemu_has_it(path, "raw")
    assert (found.format, found.virtual_size) == ("raw", len(content))


@pytest.mark.parametrize("image_format", ["vmdk", "vdi", "vhdx", "vpc", "qed", "parallels"])
def test_other_formats_as_qemu_img_makes_them_are_refused_by_name(
    tmp_path: Path, make: Callable[..., None], image_format: str
) -> None:
    path = tmp_path / "image"
    make("create", "-q", "-f", image_format, path, "4M")
    with pytest.raises(SpecificationError, match=f"has the format {image_format}; .*convert it: qemu-img") as caught:
        inspect(path)
    assert caught.value.check == "format"


@pytest.mark.parametrize(
    ("image_format", "options"),
    [("vmdk", "subformat=monolithicFlat"), ("vmdk", "subformat=streamOptimized"), ("vpc", "subformat=fixed")],
)
def test_flavours_of_other_formats_are_refused_as_well(
    tmp_path: Path, make: Callable[..., None], image_format: str, options: str
) -> None:
    path = tmp_path / "image"
    make("create", "-q", "-f", image_format, "-o", options, path, "4M")
    with pytest.raises(SpecificationError, match=f"has the format {image_format};"):
        inspect(path)


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    sound, refused = put(tmp_path / "sound"), put(tmp_path / "refused", b"")
    before = os.listdir("/proc/self/fd")
    inspect(sound)
    with pytest.raises(SpecificationError):
        inspect(refused)
    assert os.listdir("/proc/self/fd") == before
