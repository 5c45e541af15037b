"""What libvirt gets as a disk's path is root's to change and nobody else's, and is the very file that was looked at."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from condor_kvm_stage.domain import private_dir
from condor_kvm_stage.domain.own_files import check_own
from condor_kvm_stage.failures import NodeError, StageError
from condor_kvm_stage.job import SAVED_GUEST, Job
from condor_kvm_stage.leftovers.private_dirs import SUFFIX
from support.domain.disk_files import HOSTILE, put, see
from support.processes import NOBODY, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a directory beside another user's")


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of another user's."""
    path = put(tmp_path / "victim", b"precious", 0)
    path.chmod(0o600)
    return path


def as_the_user(*command: str | Path) -> int:
    return subprocess.run(
        ["setpriv", f"--reuid={NOBODY}", "--clear-groups", *command], stderr=subprocess.DEVNULL
    ).returncode


def test_disk_is_the_same_file_under_a_path_that_only_root_can_change(where: Job, scratch: Path) -> None:
    inode = put(scratch / "disk", b"content").stat().st_ino
    path = Path(private_dir.make(where).move_in("disk"))
    assert (path.stat().st_ino, path.read_bytes()) == (inode, b"content")
    assert not path.is_symlink()
    assert path.resolve() == path
    status = path.parent.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o710)  # the group's bits are the mask of the list
    assert path.parent.parent == scratch.parent
    for command in (["rm", "-f", path], ["mv", path, f"{path}2"], ["ln", "-s", "/etc/shadow", f"{path.parent}/x"]):
        assert as_the_user(*command) != 0
    assert as_the_user("mv", path.parent, f"{path.parent}2") != 0


def test_disk_is_still_in_the_scratch_directory_for_whom_it_belongs_to(where: Job, scratch: Path) -> None:
    """HTCondor transfers it back as the user."""
    put(scratch / "disk", b"content")
    private_dir.make(where).move_in("disk")
    assert (scratch / "disk").read_bytes() == b"content"
    assert (scratch / "disk").lstat().st_nlink == 1
    assert as_the_user("cat", scratch / "disk") == 0


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_job_user_alone_gets_through_whatever_the_umask(where: Job, mask: int) -> None:
    before = os.umask(mask)
    try:
        path = Path(private_dir.make(where).path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o710
    assert as_the_user("test", "-x", path) == 0
    assert as_the_user("test", "-r", path) != 0


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_file_of_the_jobs_is_refused_and_left_alone(
    where: Job, scratch: Path, victim: Path, kind: str
) -> None:
    HOSTILE[kind](scratch / "disk", victim)
    before, names = see(victim), sorted(os.listdir(scratch))
    refuge = private_dir.make(where)
    with pytest.raises(StageError, match="disk"):
        refuge.move_in("disk")
    assert see(victim) == before
    assert sorted(set(os.listdir(scratch)) - {SAVED_GUEST}) == names
    assert os.listdir(refuge.path) == []


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_takes_the_disks_place_after_the_first_look_is_refused(
    where: Job, scratch: Path, victim: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(scratch / "disk")
    refuge = private_dir.make(where)

    def swap(status: os.stat_result, where: Job, name: str) -> None:
        check_own(status, where, name)
        monkeypatch.setattr("condor_kvm_stage.domain.private_dir.check_own", check_own)
        (scratch / "disk").unlink()
        HOSTILE[kind](scratch / "disk", victim)

    monkeypatch.setattr("condor_kvm_stage.domain.private_dir.check_own", swap)
    before = see(victim)
    with pytest.raises(StageError):
        refuge.move_in("disk")
    assert see(victim) == before


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_takes_the_disks_place_later_changes_nothing(where: Job, scratch: Path, victim: Path, kind: str) -> None:
    put(scratch / "disk", b"content")
    path = Path(private_dir.make(where).move_in("disk"))
    before = see(path)
    (scratch / "disk").unlink()
    HOSTILE[kind](scratch / "disk", victim)
    assert see(path) == before
    assert not path.is_symlink()


# Puts a symlink, a hard link to another's file (where the kernel allows that) and a file in each other's place
SWAPPER = """
import os, sys
for name in ("a", "b"):
    open(name, "w").close()
while True:
    for make in (lambda: os.symlink(sys.argv[1], "new"), lambda: open("new", "w").close(), lambda: os.link("a", "new")):
        try:
            make()
            os.rename("new", "disk")  # does nothing if both are links to one file
        except OSError:
            if os.path.lexists("new"):
                os.unlink("new")  # otherwise nothing could be made in its place
"""


def test_job_that_swaps_its_disk_all_the_time_gains_nothing(where: Job, scratch: Path, victim: Path) -> None:
    before, outcomes, tries = see(victim), set[str](), 0
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "/usr/bin/python3", "-c", SWAPPER]
    with subprocess.Popen([*command, victim], cwd=scratch) as swapper:
        try:
            wait_for(lambda: os.path.lexists(scratch / "disk"), "the job swaps")
            refuge = private_dir.make(where)
            # Tries, not seconds: under load the swapper gets its turn less often. A package's %check has no timeout.
            deadline = time.monotonic() + 100
            while len(outcomes) < 2 or tries < 300:
                assert time.monotonic() < deadline
                tries += 1
                try:
                    path = Path(refuge.move_in("disk"))
                except StageError as error:
                    outcomes.add(type(error).__name__)
                else:
                    status = path.lstat()
                    assert stat.S_ISREG(status.st_mode)
                    assert status.st_uid == where.uid
                    outcomes.add("taken")
        finally:
            swapper.kill()
    assert see(victim) == before


def test_name_that_is_taken_in_the_shelter_is_refused(where: Job, scratch: Path) -> None:
    put(scratch / "disk")
    refuge = private_dir.make(where)
    refuge.move_in("disk")
    with pytest.raises(StageError, match="disk disk is a symlink"):
        refuge.move_in("disk")


@pytest.mark.parametrize(("owner", "mode"), [(NOBODY, 0o755), (0, 0o777), (0, 0o775)])
def test_scratch_directory_whose_parent_others_can_write_to_is_refused(
    where: Job, scratch: Path, owner: int, mode: int
) -> None:
    os.chown(scratch.parent, owner, 0)
    scratch.parent.chmod(mode)
    with pytest.raises(NodeError, match="is writable for the users of jobs; the administrator must make EXECUTE"):
        private_dir.make(where)
    assert os.listdir(scratch.parent) == ["scratch"]


def test_parent_in_which_nobody_can_rename_what_is_not_his_is_good(where: Job, scratch: Path) -> None:
    """As /tmp: EXECUTE of an older HTCondor can be so."""
    scratch.parent.chmod(0o1777)
    assert private_dir.make(where).path == f"{scratch}{SUFFIX}"


def test_scratch_directory_of_another_user_is_refused(where: Job, scratch: Path) -> None:
    os.chown(scratch, 1, 1)
    with pytest.raises(NodeError, match="does not belong to the job's user"):
        private_dir.make(where)


@pytest.mark.parametrize("kind", ["symlink", "file", "missing"])
def test_scratch_directory_that_is_none_is_refused(where: Job, scratch: Path, tmp_path: Path, kind: str) -> None:
    scratch.rename(tmp_path / "elsewhere")
    if kind == "symlink":
        scratch.symlink_to(tmp_path / "elsewhere")
    elif kind == "file":
        put(scratch)
    with pytest.raises(NodeError, match=f"cannot make .*{SUFFIX}: .*; tell the administrator"):
        private_dir.make(where)


@pytest.mark.parametrize("kind", ["symlink", "dangling symlink", "FIFO", "file of another user"])
def test_whatever_lies_where_the_shelter_goes_is_not_used(where: Job, scratch: Path, victim: Path, kind: str) -> None:
    """In an EXECUTE that all can write to, a job could make it beforehand."""
    place = Path(f"{scratch}{SUFFIX}")
    HOSTILE[kind](place, victim)
    before = see(victim)
    with pytest.raises(NodeError, match=SUFFIX):
        private_dir.make(where)
    assert see(victim) == before


@pytest.mark.parametrize("owner", [0, NOBODY])
def test_disks_in_a_shelter_that_is_left_are_not_lost(where: Job, scratch: Path, owner: int) -> None:
    put(scratch / "disk", b"content")
    path = Path(private_dir.make(where).move_in("disk"))
    os.chown(scratch, owner, owner)
    with pytest.raises(NodeError):
        private_dir.make(where)
    assert path.read_bytes() == b"content"


MOUNTED = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[3])
from condor_kvm_stage.domain import private_dir
from condor_kvm_stage.job import SAVED_GUEST, Job
from condor_kvm_stage.failures import NodeError
scratch, user = sys.argv[1], int(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", f"uid={user},size=64k", "tmpfs", scratch], check=True)
open(f"{scratch}/disk", "w").close()
os.chown(f"{scratch}/disk", user, user)
try:
    private_dir.make(Job(scratch, user, user)).move_in("disk")
except NodeError as error:
    print(error)
print(os.listdir(scratch))
"""


def test_scratch_directory_that_is_a_file_system_of_its_own_is_named_with_what_to_do(scratch: Path) -> None:
    modules = str(Path(private_dir.__file__).parents[2])
    command: list[str | Path] = ["unshare", "--mount", "/usr/bin/python3", "-B", "-c", MOUNTED]
    command += [scratch, str(NOBODY), modules]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert (
        "cannot move disk out of the scratch directory: Invalid cross-device link; it is a separate file system"
        in output
    )
    assert "guest.guarded = false in the policy" in output
    assert "'disk'" in output.splitlines()[-1]


@pytest.mark.parametrize("content", [b"", b"A = 1\n", b"x" * 5000])
@pytest.mark.parametrize("owner", [0, NOBODY])
def test_file_of_the_starters_is_read(where: Job, scratch: Path, content: bytes, owner: int) -> None:
    put(scratch / ".job.ad", content, owner)
    assert private_dir.make(where).read(".job.ad", 4096) == content[:4096]


@pytest.mark.parametrize("kind", [kind for kind in HOSTILE if "file" not in kind and kind != "hard link"])
def test_what_is_no_file_is_not_read_and_not_waited_for(where: Job, scratch: Path, victim: Path, kind: str) -> None:
    HOSTILE[kind](scratch / ".job.ad", victim)
    assert private_dir.make(where).read(".job.ad", 4096) == b""


def test_file_with_another_owner_than_the_uid_of_the_job_is_refused(where: Job, scratch: Path) -> None:
    put(scratch / "disk")
    os.chown(scratch, 1, 1)
    with pytest.raises(StageError, match=r"disk disk belongs to another user \(uid 65534\)"):
        private_dir.make(replace(where, uid=1)).move_in("disk")


def test_fifo_is_the_users_in_a_directory_that_is_not(where: Job) -> None:
    path = Path(private_dir.make(where).make_fifo(".console.out"))
    status = path.stat()
    assert stat.S_ISFIFO(status.st_mode)
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (where.uid, 0o600)
