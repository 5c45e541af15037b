"""With SELinux, a job whose base image guests may not read is refused, because libvirt does not label base images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.domain import disks, site_image
from condor_kvm_stage.domain.disks import DiskFile
from condor_kvm_stage.domain.request import Disk
from condor_kvm_stage.failures import AuthorizationError
from condor_kvm_stage.job import Job
from hostile import qcow2
from support import fake_selinux
from support.domain.disk_files import put
from support.domain.job_ads import site

Look = Callable[..., tuple[DiskFile, ...]]


@pytest.fixture
def look(where: Job, scratch: Path, tmp_path: Path) -> Look:
    """Inspect a disk of the job's with a backing file, for guests with a label; and with or without the filter."""
    base = put(tmp_path / "base.raw", bytes(512), 0)
    put(scratch / "disk", qcow2(backing=bytes(base), backing_format=b"raw"))
    disk = Disk("disk", "vda", "virtio", readonly=False, format="", cdrom=False)

    def look(guest: str, filtered: bool = True) -> tuple[DiskFile, ...]:
        policy = site()
        policy.guest.filtered = filtered
        return disks.inspect([(disk, f"{scratch}/disk")], where, policy, "some-program", guest=guest)

    return look


def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, type_of_base: str) -> None:
    """Let guests read whatever has not the base's type."""
    fake_selinux.mount(
        tmp_path / "selinux",
        monkeypatch,
        lambda path: type_of_base if path.endswith("base.raw") else "root_t",
        lambda file_type, _: 0xFFFFFFFF if file_type in ("root_t", "virt_content_t") else 0,
    )


def test_base_image_that_guests_may_not_read_is_refused_with_the_command_that_helps(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(tmp_path, monkeypatch, "nfs_t")
    with pytest.raises(AuthorizationError, match=r"disk disk needs /.*/base\.raw, but SELinux lets no guest") as caught:
        look(fake_selinux.GUEST)
    assert caught.value.check == "selinux"
    assert str(caught.value).endswith("must run: setsebool -P virt_use_nfs on")


@pytest.mark.parametrize("filtered", [True, False])
def test_base_image_of_the_sites_is_left_to_the_start_if_that_is_judged(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filtered: bool
) -> None:
    """Guests may not read it: that is the node's fault, not the job's."""
    kernel(tmp_path, monkeypatch, "nfs_t")
    monkeypatch.setattr(site_image, "belongs", lambda path, _: path.endswith("/base.raw"))
    if filtered:
        assert look(fake_selinux.GUEST, filtered)
    else:
        with pytest.raises(AuthorizationError, match="SELinux lets no guest"):
            look(fake_selinux.GUEST, filtered)


def test_base_image_that_guests_may_read_is_good(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel(tmp_path, monkeypatch, "virt_content_t")
    assert look(fake_selinux.GUEST)


def test_disk_that_libvirt_labels_need_have_no_label_now(
    look: Look, tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel(tmp_path, monkeypatch, "nfs_t")
    put(scratch / "disk", bytes(512))
    assert look(fake_selinux.GUEST)


@pytest.mark.parametrize("enforce", ["0", "1"])
def test_without_enforcing_or_a_label_nothing_is_refused(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enforce: str
) -> None:
    kernel(tmp_path, monkeypatch, "nfs_t")
    (tmp_path / "selinux/enforce").write_text(enforce)
    assert look("" if enforce == "1" else fake_selinux.GUEST)
