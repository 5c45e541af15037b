"""Once libvirt has a disk's path, the job's user can neither change what is there nor what HTCondor does with it."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from condor_kvm_stage.domain import acl, private_dir
from condor_kvm_stage.failures import NodeError, StageError
from condor_kvm_stage.job import SAVED_GUEST, Job
from support.domain.disk_files import put
from support.processes import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a directory beside another user's")
ANOTHER = 64_055


def may(user: int, what: str, path: Path) -> bool:
    """Whether a user may read (r), write (w) or search (x), as the kernel says."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "test", f"-{what}", str(path)]
    return subprocess.run(command, check=False, timeout=30).returncode == 0


def rights(user: int, path: Path) -> str:
    return "".join(what for what in "rwx" if may(user, what, path))


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o777, 0o000])
def test_disk_stays_the_users_with_its_mode_and_nobody_else_reaches_it(where: Job, scratch: Path, mode: int) -> None:
    put(scratch / "disk", b"content").chmod(mode)
    path = Path(private_dir.make(where).move_in("disk"))
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (where.uid, mode)
    assert rights(ANOTHER, path) == ""


def test_user_can_do_in_the_scratch_directory_what_he_could(where: Job, scratch: Path) -> None:
    put(scratch / "disk")
    put(scratch / "other")
    private_dir.make(where).move_in("disk")
    assert (rights(NOBODY, scratch), rights(ANOTHER, scratch)) == ("rwx", "")
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-ec"]
    script = "echo a > new; mkdir d; mv new d/new; cat d/new disk > /dev/null; rm -r d other disk"
    subprocess.run([*user, script], cwd=scratch, check=True, timeout=30)
    assert os.listdir(scratch) == [SAVED_GUEST]


def test_place_of_a_saved_guest_is_taken_and_stays_so(where: Job, scratch: Path) -> None:
    """HTCondor saves a guest that it suspends there, by libvirt, as root."""
    private_dir.make(where)
    place = scratch / SAVED_GUEST
    assert place.is_dir()
    put(scratch / "new")
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-c"]
    for command in (f"rmdir {place.name}", f"mv {place.name} x", f"mv -T new {place.name}"):
        run = subprocess.run([*user, command], cwd=scratch, stderr=subprocess.DEVNULL, check=False, timeout=30)
        assert run.returncode != 0
    assert place.is_dir()


def test_job_that_brings_a_saved_guest_is_refused_for_that(where: Job, scratch: Path) -> None:
    put(scratch / SAVED_GUEST)
    with pytest.raises(StageError, match=SAVED_GUEST):
        private_dir.make(where)


def test_hook_says_beforehand_that_disks_cannot_be_moved(scratch: Path) -> None:
    private_dir.check_movable(str(scratch))
    with pytest.raises(NodeError, match=r"Invalid cross-device link; it is a separate file system"):
        private_dir.check_movable("/proc")


@pytest.mark.parametrize(("granted", "expected"), [(1, "x"), (7, "rwx")])
def test_list_grants_what_it_says_to_one_user_and_nothing_to_others(
    tmp_path: Path, granted: int, expected: str
) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    acl.grant(descriptor, NOBODY, granted)
    os.close(descriptor)
    assert (rights(NOBODY, tmp_path), rights(ANOTHER, tmp_path)) == (expected, "")
    assert tmp_path.stat().st_mode & stat.S_IRWXU == stat.S_IRWXU
