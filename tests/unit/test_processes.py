"""Dropping privileges: a process has the user's groups, as the guest that libvirt starts will have."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys

import pytest

from condor_kvm_stage import processes

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
_PRINT = """
import os, sys
from condor_kvm_stage import processes
processes.become_user(int(sys.argv[1]), int(sys.argv[2]))
print(*os.getresuid(), *os.getresgid(), *os.getgroups())
"""


def identity(uid: int, gid: int) -> list[int]:
    """Return the user ids, the group ids and the groups of a process that has become a user."""
    command = [sys.executable, "-c", _PRINT, str(uid), str(gid)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    return [int(word) for word in printed.split()]


@needs_root
def test_user_has_the_groups_of_the_system_and_the_jobs_own() -> None:
    daemon = pwd.getpwnam("daemon")
    expected = sorted({7777, *os.getgrouplist("daemon", daemon.pw_gid)})
    assert identity(daemon.pw_uid, 7777) == [daemon.pw_uid] * 3 + [7777] * 3 + expected


@needs_root
def test_user_without_an_entry_has_the_jobs_group_alone() -> None:
    assert identity(54_321, 54_322) == [54_321] * 3 + [54_322] * 4


@needs_root
def test_privileges_do_not_come_back() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(
            [sys.executable, "-c", _PRINT + "os.setuid(0)", "1", "1"], check=True, capture_output=True, timeout=30
        )


def test_supplementary_groups_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's directory is often open to a group of users."""
    given: list[list[int]] = []
    monkeypatch.setattr(os, "getgrouplist", lambda *_: [100, 4242])
    monkeypatch.setattr(os, "setgroups", lambda groups: given.append(list(groups)))
    monkeypatch.setattr(os, "setresgid", lambda *_: None)
    monkeypatch.setattr(os, "setresuid", lambda *_: None)
    processes.become_user(0, 100)
    assert given == [[100, 4242]]
