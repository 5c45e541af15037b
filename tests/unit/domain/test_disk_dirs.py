"""A guest writes to a file in vm.disk_dirs only if nobody but root and the policy's owners could replace that file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from condor_kvm_stage.domain import disks
from condor_kvm_stage.domain.request import Disk
from condor_kvm_stage.failures import AuthorizationError, SpecificationError, StageError
from condor_kvm_stage.images import qcow2_overlay
from condor_kvm_stage.job import Job
from support.domain.job_ads import site
from support.processes import NOBODY
from support.public_directories import public

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has directories of other users")
OWNER = "daemon"  # a user whom every system has
JOB = Job("/none", NOBODY, NOBODY)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory of root's below directories of root's, with one of that kind in it, which holds the user's disk."""
    with public("/var/lib") as place:
        (place / "project").mkdir(mode=0o755)
        disk = place / "project/disk.raw"
        disk.write_bytes(bytes(512))
        os.chown(disk, NOBODY, NOBODY)
        yield place


def look(directory: Path, *, readonly: bool = False, owners: tuple[str, ...] = ()) -> str:
    """Inspect the disk as the job's user. Returns its path."""
    path = str(directory / "project/disk.raw")
    policy = site([str(directory)])
    policy.vm.disk_owners = list(owners)
    disk = Disk(path, "vda", "virtio", readonly=readonly, format="raw", cdrom=False)
    (found,) = disks.inspect([(disk, path)], JOB, policy, "some-program")
    return found.path


def refusal(directory: Path, *owners: str) -> str:
    """Return why a disk to which the guest writes is refused. To be read it is good, which is looked at, too."""
    look(directory, readonly=True)
    with pytest.raises(AuthorizationError) as caught:
        look(directory, owners=owners)
    assert caught.value.check == "image_dirs"
    return str(caught.value)


def test_directories_of_roots_alone_are_good(directory: Path) -> None:
    assert look(directory) == str(directory / "project/disk.raw")


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o2775, 0o1777])
@pytest.mark.parametrize("above", ["project", "."])
def test_directory_that_others_may_write_to_is_named_with_what_helps(directory: Path, above: str, mode: int) -> None:
    place = (directory / above).resolve()
    place.chmod(mode)
    assert refusal(directory).endswith(f"or the administrator must run: chmod go-w {place}")


def test_access_control_list_that_lets_a_user_write_counts(directory: Path) -> None:
    """Its mask shows in the mode."""
    descriptor = os.open(directory / "project", os.O_RDONLY)
    try:
        entries = b"".join(
            kind.to_bytes(2, "little") + rights.to_bytes(2, "little") + uid.to_bytes(4, "little")
            for kind, rights, uid in [
                (0x01, 7, 0xFFFFFFFF),
                (0x02, 7, NOBODY),
                (0x04, 5, 0xFFFFFFFF),
                (0x10, 7, 0xFFFFFFFF),
                (0x20, 5, 0xFFFFFFFF),
            ]
        )
        os.setxattr(descriptor, "system.posix_acl_access", (2).to_bytes(4, "little") + entries)
    finally:
        os.close(descriptor)
    assert "others than its owner can write to" in refusal(directory)


def test_owner_must_be_root_or_named_by_the_policy(directory: Path) -> None:
    os.chown(directory / "project", 1, -1)
    assert "belongs to the user 1" in refusal(directory)
    assert "vm.disk_owners" in refusal(directory, "no-such-user")
    assert look(directory, owners=(OWNER,))


def test_jobs_own_user_is_not_trusted_even_if_the_policy_names_him(directory: Path) -> None:
    os.chown(directory / "project", NOBODY, -1)
    refusal(directory, "nobody")


def test_file_of_another_user_is_refused_for_writing(directory: Path) -> None:
    os.chown(directory / "project/disk.raw", 0, 0)
    with pytest.raises(StageError, match="belongs to another user"):
        look(directory)


def test_disk_that_is_below_another_one_of_the_same_guest_is_not_written(directory: Path) -> None:
    """QEMU would not start."""
    base, overlay = str(directory / "project/disk.raw"), str(directory / "overlay.qcow2")
    with open(overlay, "wb") as file:
        qcow2_overlay.write(file.fileno(), base, "raw", 512)
    policy = site([str(directory)])
    below, above = (Disk(path, "vda", "virtio", False, "", cdrom=False) for path in (base, overlay))
    found = disks.inspect([(replace(above, readonly=True), overlay)], JOB, policy, "some-program")
    assert found[0].backing == ((base, "raw"),)
    with pytest.raises(SpecificationError, match=f"disk {base} is below disk {overlay}") as caught:
        disks.inspect([(below, base), (replace(above, readonly=True), overlay)], JOB, policy, "some-program")
    assert caught.value.check == "in_use"
