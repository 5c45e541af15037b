"""Sound images are accepted, and described as QEMU describes them; whatever QEMU opens besides was inspected too."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile
import pytest
from hostile import CLUSTER, MIB, UNKNOWN_EXTENSION, put, qcow2

from condor_kvm_stage import policy
from condor_kvm_stage.plugin import image
from condor_kvm_stage.plugin.failure import AuthorizationError, SpecificationError, StageError


def inspect(path: Path, top_anywhere: bool = False) -> image.Image:
    return image.inspect(str(path), policy.load(), lambda step: None, top_anywhere)


def as_qemu_has_it(path: Path, image_format: str) -> list[dict[str, Any]]:
    """What QEMU says of an image and of each file of its backing chain. CalledProcessError if it does not open one."""
    command = ["qemu-img", "info", "--output=json", "--backing-chain", "-f", image_format, str(path)]
    found: list[dict[str, Any]] = json.loads(
        subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    )
    return found


@pytest.fixture
def job_user() -> Iterator[int]:
    """Be a user who has no rights on the files but those of all, also where root runs the tests."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        yield os.geteuid()
    finally:
        if was_root:
            os.seteuid(0)


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
    tmp_path: Path, qemu_img: Callable[..., str], options: str, size: str
) -> None:
    path = tmp_path / "image.raw"
    qemu_img("create", "-q", "-f", "qcow2", "-o", options, path, size)
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
def test_images_with_data_are_accepted(tmp_path: Path, qemu_img: Callable[..., str], options: list[str]) -> None:
    raw = put(tmp_path / "raw", hostile.FOREIGN["tar"] * 100)
    path = tmp_path / "image"
    qemu_img("convert", *options, "-f", "raw", "-O", "qcow2", raw, path)
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
    "two bytes": (b"\xeb\x3c", False),
    "less than a signature": (b"QFI", False),
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


@pytest.mark.parametrize("image_format", ["vmdk", "vdi", "vhdx", "vpc", "qed", "parallels"])
def test_other_formats_as_qemu_img_makes_them_are_refused_by_name(
    tmp_path: Path, qemu_img: Callable[..., str], image_format: str
) -> None:
    path = tmp_path / "image"
    qemu_img("create", "-q", "-f", image_format, path, "4M")
    with pytest.raises(SpecificationError, match=f"has the format {image_format}; .*convert it: qemu-img") as caught:
        inspect(path)
    assert caught.value.check == "format"


@pytest.mark.parametrize(
    ("image_format", "options"),
    [("vmdk", "subformat=monolithicFlat"), ("vmdk", "subformat=streamOptimized"), ("vpc", "subformat=fixed")],
)
def test_flavours_of_other_formats_are_refused_as_well(
    tmp_path: Path, qemu_img: Callable[..., str], image_format: str, options: str
) -> None:
    path = tmp_path / "image"
    qemu_img("create", "-q", "-f", image_format, "-o", options, path, "4M")
    with pytest.raises(SpecificationError, match=f"has the format {image_format};"):
        inspect(path)


def chain(directory: Path, qemu_img: Callable[..., str], depth: int, name: Callable[[int], str]) -> Path:
    """Make a chain of depth + 1 files in directories of their own; name(n): how file n - 1 calls file n."""
    put(directory / f"{depth}/image", bytes(MIB))
    for number in range(depth, 0, -1):
        path = directory / f"{number - 1}/image"
        path.parent.mkdir()
        backing_format = "raw" if number == depth else "qcow2"
        qemu_img("create", "-q", "-f", "qcow2", "-u", "-F", backing_format, "-b", name(number), path, "1M")
    return directory / "0/image"


def assert_that_what_qemu_opens_was_inspected(top: Path) -> None:
    found = inspect(top)
    files = [Path(link["filename"]) for link in as_qemu_has_it(Path(found.path), found.format)]
    for file in files:
        file.chmod(0o640)
        with pytest.raises(AuthorizationError) as caught:
            inspect(top)
        assert caught.value.check == "readable"
        assert f"chmod o+r {file.resolve()}" in str(caught.value)
        file.chmod(0o644)
    inspect(top)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("absolute", [False, True])
def test_each_file_of_a_backing_chain_is_inspected(
    tmp_path: Path, qemu_img: Callable[..., str], depth: int, absolute: bool
) -> None:
    top = chain(tmp_path, qemu_img, depth, lambda n: f"{tmp_path if absolute else '..'}/{n}/image")
    assert len(as_qemu_has_it(top, "qcow2")) == depth + 1
    assert_that_what_qemu_opens_was_inspected(top)


@pytest.mark.parametrize(
    ("link", "target", "name"),
    [
        ("0/link", "../1/image", "link"),
        ("link", "1", "../link/image"),
        ("link", "0", "../link/../1/image"),
        ("0/link", "../deep/directory", "link/../../1/image"),
    ],
)
def test_symlinks_lead_us_where_they_lead_qemu(
    tmp_path: Path, qemu_img: Callable[..., str], link: str, target: str, name: str
) -> None:
    (tmp_path / "deep/directory").mkdir(parents=True)
    top = chain(tmp_path, qemu_img, 2, {1: name, 2: "../2/image"}.__getitem__)
    (tmp_path / link).symlink_to(target)
    assert_that_what_qemu_opens_was_inspected(top)


def test_name_in_a_symlinked_backing_file_is_relative_to_the_symlink_as_for_qemu(tmp_path: Path) -> None:
    put(tmp_path / "deep/base")
    put(tmp_path / "deep/middle", qcow2(backing=b"base", backing_format=b"raw"))
    put(tmp_path / "base")
    (tmp_path / "middle").symlink_to("deep/middle")
    assert_that_what_qemu_opens_was_inspected(put(tmp_path / "image", qcow2(backing=b"middle")))


def test_name_in_a_symlinked_image_is_relative_to_its_target_which_is_what_qemu_gets(tmp_path: Path) -> None:
    put(tmp_path / "deep/base")
    put(tmp_path / "deep/image", qcow2(backing=b"base", backing_format=b"raw"))
    (tmp_path / "image").symlink_to("deep/image")
    assert inspect(tmp_path / "image").path == str(tmp_path / "deep/image")
    assert_that_what_qemu_opens_was_inspected(tmp_path / "image")


def test_each_file_counts_as_progress(tmp_path: Path, qemu_img: Callable[..., str]) -> None:
    top = chain(tmp_path, qemu_img, 3, lambda n: f"../{n}/image")
    steps: list[str] = []
    image.inspect(str(top), policy.load(), steps.append)
    assert steps == ["inspect"] * 4


def test_limits_include_their_value(
    tmp_path: Path, qemu_img: Callable[..., str], site_policy: Callable[[str], None]
) -> None:
    top = chain(tmp_path, qemu_img, 2, lambda n: f"../{n}/image")
    site_policy('[staging]\nchain_depth = 3\nvirtual_size = "1M"\n')
    assert inspect(top).virtual_size == inspect(tmp_path / "2/image").virtual_size == MIB


def test_image_dirs_hold_what_is_in_them_at_any_depth_and_through_symlinks(
    tmp_path: Path, site_policy: Callable[[str], None]
) -> None:
    base = put(tmp_path / "images/base")
    top = put(tmp_path / "images/deep/image", qcow2(backing=b"../base", backing_format=b"raw"))
    (tmp_path / "link").symlink_to("images")
    for directory in ("images", "images/", "link", "."):
        site_policy(f'[staging]\nimage_dirs = ["/nonexistent", "{tmp_path}/{directory}"]\n')
        assert inspect(top).path == str(top)
        assert inspect(tmp_path / "link/base").path == str(base)


def test_uploaded_overlay_may_be_private_and_anywhere_but_its_base_may_not(
    tmp_path: Path, site_policy: Callable[[str], None]
) -> None:
    base = put(tmp_path / "images/base")
    overlay = put(tmp_path / "scratch/overlay", qcow2(backing=bytes(base), backing_format=b"raw"))
    overlay.chmod(0o600)
    overlay.parent.chmod(0o700)
    site_policy(f'[staging]\nimage_dirs = ["{base.parent}"]\n')
    assert inspect(overlay, top_anywhere=True).format == "qcow2"
    site_policy('[staging]\nimage_dirs = ["/nonexistent"]\n')
    with pytest.raises(AuthorizationError) as caught:
        inspect(overlay, top_anywhere=True)
    assert caught.value.check == "image_dirs"
    site_policy("")
    base.chmod(0o600)
    with pytest.raises(AuthorizationError) as caught:
        inspect(overlay, top_anywhere=True)
    assert caught.value.check == "readable"


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    sound, refused = put(tmp_path / "sound"), put(tmp_path / "refused", b"")
    before = os.listdir("/proc/self/fd")
    inspect(sound)
    with pytest.raises(SpecificationError):
        inspect(refused)
    assert os.listdir("/proc/self/fd") == before


def test_missing_image_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"cannot open image /.*/none: No such file or directory; check .* mounted on"):
        inspect(tmp_path / "none")


def test_image_that_the_jobs_user_cannot_open_is_named_with_its_owners_command(tmp_path: Path, job_user: int) -> None:
    path = _made_by_the_first_user(tmp_path / "image", 0)
    with pytest.raises(
        AuthorizationError, match=r"the job's user could not open it; .* chmod o\+r /.*/image$"
    ) as caught:
        inspect(path)
    assert (caught.value.check, caught.value.code) == ("readable", errno.EACCES)


def test_directory_that_the_jobs_user_cannot_search_is_named_with_its_owners_command(
    tmp_path: Path, job_user: int
) -> None:
    path = _made_by_the_first_user(tmp_path / "private/image", 0o644, 0)
    expected = rf"the job's user \(uid {job_user}\) may not search the directory (/.*/private); .* chmod o\+x \1$"
    with pytest.raises(AuthorizationError, match=expected) as caught:
        # not for_all, which looks at the mode before it fails
        inspect(path, top_anywhere=True)
    assert (caught.value.check, caught.value.code) == ("searchable", errno.EACCES)


def _made_by_the_first_user(path: Path, mode: int, directory_mode: int = 0o755) -> Path:
    user = os.geteuid()
    os.seteuid(os.getuid())
    try:
        put(path).chmod(mode)
        path.parent.chmod(directory_mode)
    finally:
        os.seteuid(user)
    return path
