"""Disks: overlay or copy, of the image that the URL names and as it wants them."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from condor_kvm_stage.failures import ContactError, ParameterError, ResolutionError, SpecificationError, TransferError
from condor_kvm_stage.images import qcow2_overlay
from condor_kvm_stage.plugin import transfer
from condor_kvm_stage.policy.model import StagingPolicy
from condor_kvm_stage.share import mounts
from support import overlays
from support.qemu_writer import qemu_io
from support.staged_disks import names, put, write_raw

QemuImg = Callable[..., str]


@pytest.fixture
def info(qemu_img: QemuImg) -> Callable[[Path], dict[str, Any]]:
    def read(path: Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(qemu_img("info", "--output=json", path))
        return found

    return read


Info = Callable[[Path], "dict[str, Any]"]


@pytest.mark.parametrize("image_format", ["raw", "qcow2"])
def test_overlay_has_the_base_as_backing_file_with_the_right_format(
    tmp_path: Path, scratch: Path, base: Path, qemu_img: QemuImg, info: Info, image_format: str
) -> None:
    image = base if image_format == "qcow2" else write_raw(tmp_path / "base.raw")
    size = put(f"nfs://{image}:disk", scratch)
    found = info(scratch / "disk")
    assert found["format"] == "qcow2"
    assert (found["backing-filename"], found["backing-filename-format"]) == (str(image), image_format)
    assert found["virtual-size"] == info(image)["virtual-size"]
    assert size == (scratch / "disk").stat().st_size
    qemu_img("check", scratch / "disk")
    assert names(scratch) == ["disk"]


@pytest.mark.parametrize("size", [1 << 20, 1 << 40])
def test_overlay_is_small_whatever_the_size_of_the_image(tmp_path: Path, scratch: Path, size: int) -> None:
    image = write_raw(tmp_path / "base.raw", size)
    assert put(f"nfs://{image}:disk", scratch) < 1 << 20


def test_name_is_the_images_own_if_the_url_has_none(scratch: Path, base: Path) -> None:
    put(f"nfs://{base}", scratch)
    assert names(scratch) == [base.name]


@pytest.mark.parametrize("mode", ["overlay", "copy"])
def test_size_grows_the_virtual_disk(scratch: Path, base: Path, info: Info, mode: str) -> None:
    put(f"nfs://{base}?mode={mode}&size=1G:disk", scratch)
    assert info(scratch / "disk")["virtual-size"] == 1 << 30


def test_size_that_would_cut_the_disk_is_refused(scratch: Path, base: Path) -> None:
    with pytest.raises(
        ParameterError, match=r"size=1 MiB would cut .*, a disk of 64 MiB; write a larger size, or omit it"
    ):
        put(f"nfs://{base}?size=1M:disk", scratch)
    assert names(scratch) == []


def test_size_beyond_the_sites_limit_is_refused(scratch: Path, base: Path) -> None:
    with pytest.raises(ParameterError, match="size=17 TiB is more than the 16 TiB that"):
        put(f"nfs://{base}?size=17T:disk", scratch)


def test_copy_needs_no_backing_file_and_is_sparse(
    tmp_path: Path, scratch: Path, base: Path, qemu_img: QemuImg, info: Info
) -> None:
    top = tmp_path / "top.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, top, "1G")
    put(f"nfs://{top}?mode=copy:disk", scratch)
    found = info(scratch / "disk")
    assert "backing-filename" not in found
    assert found["virtual-size"] == 1 << 30
    assert (scratch / "disk").stat().st_blocks * 512 < 1 << 20
    assert "identical" in qemu_img("compare", scratch / "disk", top)


def test_format_must_be_what_the_url_says(tmp_path: Path, scratch: Path, base: Path) -> None:
    put(f"nfs://{base}?format=qcow2:one", scratch)
    put(f"nfs://{write_raw(tmp_path / 'raw')}?format=raw:two", scratch)
    with pytest.raises(SpecificationError, match="is qcow2, but the URL says format=raw; write format=qcow2") as caught:
        put(f"nfs://{base}?format=raw:three", scratch)
    assert caught.value.check == "format_mismatch"
    assert names(scratch) == ["one", "two"]


def test_name_with_iso_is_for_iso_images_only(tmp_path: Path, scratch: Path, base: Path) -> None:
    with pytest.raises(ParameterError, match=r"'comparison\.qcow2' contains 'iso', so HTCondor would make it a CD-ROM"):
        put(f"nfs://{base}:comparison.qcow2", scratch)
    iso = write_raw(tmp_path / "install.iso")
    with open(iso, "r+b") as file:
        file.seek(0x8001)
        file.write(b"CD001")
    put(f"nfs://{iso}", scratch)
    assert names(scratch) == ["install.iso"]


def test_symlink_is_resolved_so_that_moving_it_does_not_change_a_running_guests_disk(
    tmp_path: Path, scratch: Path, base: Path, info: Info
) -> None:
    (tmp_path / "latest").symlink_to(base.name)
    put(f"nfs://{tmp_path}/latest:disk", scratch)
    assert info(scratch / "disk")["backing-filename"] == str(base)


def test_server_in_the_url_leads_to_its_mount_on_this_node(
    tmp_path: Path, scratch: Path, base: Path, info: Info, mounted: Callable[[Path], None]
) -> None:
    mounted(base.parent)
    put(f"nfs://filer/export/{base.name}:disk", scratch)
    assert info(scratch / "disk")["backing-filename"] == str(base)
    with pytest.raises(ResolutionError):
        put(f"nfs://filer/other/{base.name}:other", scratch)


def test_colons_and_commas_in_paths_are_no_qemu_syntax(tmp_path: Path, info: Info) -> None:
    scratch = tmp_path / "json:{},file=x"
    scratch.mkdir()
    image = write_raw(tmp_path / "nbd:x,format=qcow2:y")
    for mode in ("overlay", "copy"):
        put(f"nfs://{image}?mode={mode}:{mode}", scratch)
    assert info(scratch / "overlay")["backing-filename"] == str(image)


@pytest.fixture(params=["the image", "its backing file"])
def image_on(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], Path]:
    """Gives the image to stage: a file itself, or one that is based on it."""

    def make(base: Path) -> Path:
        if request.param == "the image":
            return base
        return overlays.write(tmp_path / "derived", base, "qcow2", 64 << 20)

    return make


def test_image_that_a_program_writes_to_is_refused_and_one_that_is_read_is_not(
    scratch: Path, base: Path, image_on: Callable[[Path], Path]
) -> None:
    image = image_on(base)
    with qemu_io("-f", "qcow2", base):
        with pytest.raises(ContactError, match=rf"{base.name}.* is locked by another program, ") as caught:
            put(f"nfs://{image}:disk", scratch)
        assert caught.value.check == "in_use"
        assert names(scratch) == []
    with qemu_io("-r", "-f", "qcow2", base):
        put(f"nfs://{image}:disk", scratch)
    assert names(scratch) == ["disk"]


def at(content: bytearray, offset: int) -> int:
    return int.from_bytes(content[offset : offset + 8], "big")


def test_damage_that_we_do_not_look_for_is_found_by_qemu_here_and_not_when_the_guest_starts(
    scratch: Path, base: Path, qemu_img: QemuImg, image_on: Callable[[Path], Path]
) -> None:
    qemu_img("bitmap", "--add", base, "one")
    put(f"nfs://{image_on(base)}:sound", scratch)
    content = bytearray(base.read_bytes())
    directory = at(content, content.index(b"\x23\x85\x28\x75") + 24)
    table = at(content, directory)
    content[table : table + 8] = b"\xff" * 8
    base.write_bytes(content)
    derived = base.with_name("derived")
    image = derived if derived.exists() else base
    with pytest.raises(TransferError, match=rf"qemu-img failed .*{base.name}.*; if the image is damaged"):
        put(f"nfs://{image}:disk", scratch)
    assert names(scratch) == ["sound"]


def test_disk_that_is_too_large_for_an_overlay_is_refused(tmp_path: Path, scratch: Path) -> None:
    policy = StagingPolicy()
    policy.virtual_size = 1 << 62
    image = write_raw(tmp_path / "base.raw", 1 << 20)
    put(f"nfs://{image}?size={qcow2_overlay.LARGEST}:largest", scratch, policy)
    with pytest.raises(SpecificationError, match="but at most 2 PiB are possible; use a smaller one"):
        put(f"nfs://{image}?size={qcow2_overlay.LARGEST + 512}:disk", scratch, policy)
    assert names(scratch) == ["largest"]


def test_what_is_no_disk_is_one_if_the_url_says_raw(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "data.tar"
    path.write_bytes(bytes(257) + b"ustar" + bytes(1000))
    path.chmod(0o644)
    status, _ = transfer.Run(False).transfer(f"nfs://{path}:disk", str(scratch / "x"))
    assert (status, list(scratch.iterdir())) == (os.EX_DATAERR, [])
    status, _ = transfer.Run(False).transfer(f"nfs://{path}?format=raw:disk", str(scratch / "x"))
    assert (status, [disk.name for disk in scratch.iterdir()]) == (os.EX_OK, ["disk"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("rw,nofail", "{}/images is not mounted on .*, as .*/fstab says: tell its administrator, or release the job"),
        ("rw,noauto", None),
    ],
)
def test_image_that_is_not_there_because_its_share_is_not_mounted_is_not_the_jobs_fault(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch, options: str, expected: str | None
) -> None:
    table = tmp_path / "fstab"
    table.write_text(f"/dev/vda1 / ext4 rw 0 1\nfiler:/export {tmp_path}/images nfs4 {options} 0 0\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "FSTAB", str(table))
    kind = ContactError if expected else SpecificationError
    with pytest.raises(kind, match=(expected or "check the path in the submit file").format(tmp_path)) as caught:
        put(f"nfs://{tmp_path}/images/base.qcow2:d.qcow2", scratch)
    assert caught.value.code == errno.ENOENT
    assert str(caught.value).startswith(f"cannot open image {tmp_path}/images/base.qcow2: No such file or directory; ")


def test_image_that_autofs_has_not_mounted_may_not_be_the_jobs_fault(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """autofs says "No such file or directory" if a server does not answer, too."""
    mounted = tmp_path / "mountinfo"
    mounted.write_text(f"36 25 0:50 / {tmp_path}/auto rw - autofs /etc/auto.srv rw,fd=6\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mounted))
    with pytest.raises(ContactError, match=f"{tmp_path}/auto is autofs', which has mounted nothing there") as caught:
        put(f"nfs://{tmp_path}/auto/images/base.qcow2:d.qcow2", scratch)
    assert caught.value.code == errno.ENOENT


def test_image_that_is_not_on_the_share_that_is_mounted_is_the_jobs_fault(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, mounted = tmp_path / "fstab", tmp_path / "mountinfo"
    table.write_text(f"filer:/export {tmp_path}/images nfs4 rw 0 0\n", encoding="utf-8")
    mounted.write_text(f"36 25 0:50 / {tmp_path}/images rw - nfs4 filer:/export rw\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "FSTAB", str(table))
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mounted))
    with pytest.raises(SpecificationError, match="check the path in the submit file"):
        put(f"nfs://{tmp_path}/images/base.qcow2:d.qcow2", scratch)
