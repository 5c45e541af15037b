"""The job's user has no way to his QEMU but through the guest: not its group, and not libvirt's directories for it."""

from __future__ import annotations

import os
import pwd
import stat
from pathlib import Path

import pytest

from condor_kvm_stage.domain import qemu_identity
from condor_kvm_stage.failures import AuthorizationError, NodeError
from condor_kvm_stage.job import Job
from condor_kvm_stage.processes import become_user
from support.processes import NOBODY

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
DAEMON = pwd.getpwnam("daemon")
JOB = Job("/none", DAEMON.pw_uid, DAEMON.pw_gid)
GROUP = 54_321  # of no name


@pytest.fixture
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """libvirt's directories, with modes as on EL."""
    tmp_path.chmod(0o755)
    found = [tmp_path / name for name in ("qemu", "channel", "old")]
    for path in found:
        path.mkdir()
        path.chmod(0o751)
    monkeypatch.setattr(qemu_identity, "DOMAINS", str(found[0]))
    monkeypatch.setattr(qemu_identity, "_CHANNELS", (str(found[1]), str(found[2])))
    return found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@needs_root
def test_group_is_the_one_to_which_libvirt_gives_its_directory(directories: list[Path]) -> None:
    os.chown(directories[0], GROUP, GROUP)
    assert qemu_identity.group(JOB) == GROUP


@needs_root
def test_roots_group_is_refused(directories: list[Path]) -> None:
    os.chown(directories[0], GROUP, 0)
    with pytest.raises(NodeError, match="belongs to root's group"):
        qemu_identity.group(JOB)


@needs_root
def test_user_who_has_qemus_group_is_refused(directories: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """He could trace QEMU: the kernel compares user and group."""
    os.chown(directories[0], GROUP, DAEMON.pw_gid)
    with pytest.raises(AuthorizationError, match="is in the group daemon"):
        qemu_identity.group(JOB)
    os.chown(directories[0], GROUP, GROUP)
    monkeypatch.setattr(os, "getgrouplist", lambda *_: [DAEMON.pw_gid, GROUP])
    with pytest.raises(AuthorizationError, match=f"is in the group {GROUP}"):
        qemu_identity.group(JOB)


def test_directories_are_closed_to_others_and_stay_open_to_their_group(directories: list[Path]) -> None:
    assert qemu_identity.close_directories() == tuple(map(str, directories))
    assert [mode(path) for path in directories] == [0o750] * 3


def test_directory_of_another_version_of_libvirt_need_not_be_there(directories: list[Path]) -> None:
    directories[2].rmdir()
    assert qemu_identity.close_directories() == tuple(map(str, directories[:2]))
    directories[1].rmdir()
    with pytest.raises(NodeError, match="libvirt has none of the directories"):
        qemu_identity.close_directories()


def test_directory_for_domains_must_be_there(directories: list[Path]) -> None:
    directories[0].rmdir()
    with pytest.raises(NodeError, match="cannot look at"):
        qemu_identity.group(JOB)
    with pytest.raises(NodeError, match=r"cannot close .*/qemu to users: No such file"):
        qemu_identity.close_directories()


@needs_root
def test_way_that_is_still_open_is_found_as_the_user(directories: list[Path]) -> None:
    """For example by an access control list, or because the user owns the directory."""
    closed = qemu_identity.close_directories()
    os.chown(directories[1], NOBODY, -1)
    if os.fork() == 0:
        try:
            become_user(NOBODY, NOBODY)
            qemu_identity.check_closed(closed[:1])
            qemu_identity.check_closed(closed)
        except NodeError as error:
            os._exit(0 if str(directories[1]) in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
