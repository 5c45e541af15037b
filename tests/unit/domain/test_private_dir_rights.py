"""Once libvirt has a disk's path, the job's user can neither change what is there nor what HTCondor does with it."""

from __future__ import annotations

import mmap
import os
import stat
import subprocess
from pathlib import Path

import pytest

from condor_kvm_stage.domain import acl, private_dir
from condor_kvm_stage.domain.job import Job
from condor_kvm_stage.failures import ContactError, NodeError, StageError
from support.domain.disk_files import put
from support.processes import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a directory beside another user's")
ANOTHER = 64_055  # as QEMU's


def may(user: int, what: str, path: Path) -> bool:
    """Whether a user may read (r), write (w) or search (x), as the kernel says."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "test", f"-{what}", str(path)]
    return subprocess.run(command, check=False, timeout=30).returncode == 0


def rights(user: int, path: Path) -> str:
    return "".join(what for what in "rwx" if may(user, what, path))


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o777, 0o000])
def test_disk_is_roots_and_its_user_can_read_it_and_nobody_else(where: Job, scratch: Path, mode: int) -> None:
    put(scratch / "disk", b"content").chmod(mode)
    path = Path(private_dir.make(where).move_in("disk"))
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)
    assert (rights(NOBODY, path), rights(ANOTHER, path)) == ("r", "")


def test_disk_that_is_given_to_qemus_user_can_still_be_read_by_the_jobs(where: Job, scratch: Path) -> None:
    """libvirt does so; and when the guest has ended HTCondor transfers the disk as the job's user."""
    put(scratch / "disk", b"content")
    path = Path(private_dir.make(where).move_in("disk"))
    os.chown(path, ANOTHER, ANOTHER)
    assert (rights(NOBODY, path), rights(ANOTHER, path)) == ("r", "rw")
    os.chown(path, 0, 0)
    assert (rights(NOBODY, path), rights(ANOTHER, path)) == ("r", "")


@pytest.mark.parametrize("mapped", [False, True])
def test_disk_that_somebody_can_still_write_to_is_refused(where: Job, scratch: Path, mapped: bool) -> None:
    """By what was opened before: a header could be changed after it was inspected."""
    put(scratch / "disk", b"content")
    refuge = private_dir.make(where)
    with open(scratch / "disk", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        if mapped:
            file.close()
        with pytest.raises(ContactError, match="disk disk is open for writing in another program") as caught:
            refuge.move_in("disk")
        assert caught.value.check == "in_use"
        memory.close()


def test_disk_that_somebody_reads_is_good(where: Job, scratch: Path) -> None:
    with put(scratch / "disk", b"content").open("rb"):
        assert Path(private_dir.make(where).move_in("disk")).read_bytes() == b"content"


def test_user_can_do_in_the_scratch_directory_what_he_could(where: Job, scratch: Path) -> None:
    put(scratch / "disk")
    put(scratch / "other")
    private_dir.make(where).move_in("disk")
    assert (rights(NOBODY, scratch), rights(ANOTHER, scratch)) == ("rwx", "rx")
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-ec"]
    script = "echo a > new; mkdir d; mv new d/new; cat d/new disk > /dev/null; rm -r d other disk"
    subprocess.run([*user, script], cwd=scratch, check=True, timeout=30)
    assert os.listdir(scratch) == [private_dir.SAVED_GUEST]


def test_place_of_a_saved_guest_is_taken_and_stays_so(where: Job, scratch: Path) -> None:
    """HTCondor saves a guest that it suspends there, by libvirt, as root."""
    private_dir.make(where)
    place = scratch / private_dir.SAVED_GUEST
    assert place.is_dir()
    put(scratch / "new")
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-c"]
    for command in (f"rmdir {place.name}", f"mv {place.name} x", f"mv -T new {place.name}"):
        run = subprocess.run([*user, command], cwd=scratch, stderr=subprocess.DEVNULL, check=False, timeout=30)
        assert run.returncode != 0
    assert place.is_dir()


def test_job_that_brings_a_saved_guest_is_refused_for_that(where: Job, scratch: Path) -> None:
    put(scratch / private_dir.SAVED_GUEST)
    with pytest.raises(StageError, match=private_dir.SAVED_GUEST):
        private_dir.make(where)


def test_hook_says_beforehand_that_disks_cannot_be_moved(scratch: Path) -> None:
    private_dir.check_movable(str(scratch))
    with pytest.raises(NodeError, match=r"Invalid cross-device link; it is a separate file system"):
        private_dir.check_movable("/proc")


@pytest.mark.parametrize(("granted", "others"), [(4, 0), (6, 0), (0, 4), (4, 4), (6, 4)])
def test_list_of_a_file_grants_what_it_says_to_one_user_and_to_all_others(
    tmp_path: Path, granted: int, others: int
) -> None:
    path = put(tmp_path / "file", owner=0)
    with path.open("rb") as file:
        acl.grant(file.fileno(), NOBODY, granted, others)
    names = {0: "", 4: "r", 6: "rw"}
    assert (rights(NOBODY, path), rights(ANOTHER, path)) == (names[granted], names[others])
    assert not path.stat().st_mode & stat.S_IXUSR


def test_list_of_a_directory_lets_root_search_it(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    acl.grant(descriptor, NOBODY, rights=7, others=5)
    os.close(descriptor)
    assert (rights(NOBODY, tmp_path), rights(ANOTHER, tmp_path)) == ("rwx", "rx")
    assert tmp_path.stat().st_mode & stat.S_IRWXU == stat.S_IRWXU
