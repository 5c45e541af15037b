"""A scratch directory that takes no file: the job learns why, and even a full one takes the result."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.processes import NOBODY

from .images import make_qcow2
from .program import Outcome, Plugin
from .share import Share

SmallScratch = Callable[[str], Path]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.qcow2"
    make_qcow2(path)
    return path


def assert_told_as_full(outcome: Outcome, scratch: Path) -> None:
    error = outcome.error
    kind = (outcome.status, error["ErrorType"], error["FailureType"], error["DeveloperData"]["ErrnoName"])
    assert kind == (74, "Transfer", "NoSpace", "ENOSPC")
    words = f"cannot write {scratch}/disk: No space left on device; the scratch directory on "
    assert error["ErrorString"].startswith(words)
    assert "request_disk" in error["ErrorString"]


@pytest.mark.parametrize("options", ["size=8k", "nr_inodes=1"])
def test_full_scratch_is_told_as_such(plugin: Plugin, base: Path, small_scratch: SmallScratch, options: str) -> None:
    scratch = small_scratch(options)
    outcome = plugin.stage(f"nfs://{base}:disk", scratch)
    assert_told_as_full(outcome, scratch)
    assert os.listdir(scratch) == []


def test_scratch_that_a_copy_fills_is_told_as_such(plugin: Plugin, tmp_path: Path, small_scratch: SmallScratch) -> None:
    scratch = small_scratch("size=1m")
    (tmp_path / "base.raw").write_bytes(b"\1" * (8 << 20))
    outcome = plugin.stage(f"nfs://{tmp_path}/base.raw?mode=copy:disk", scratch)
    assert_told_as_full(outcome, scratch)
    assert os.listdir(scratch) == []


def test_full_scratch_takes_the_result_into_the_out_file_allocated_before(
    plugin: Plugin, base: Path, small_scratch: SmallScratch
) -> None:
    scratch = small_scratch("size=64k")
    outfile = scratch / "out"
    outfile.write_bytes(b" " * 8192)  # as HTCondor does
    (scratch / "filler").write_bytes(b"x" * (os.statvfs(scratch).f_bavail * os.statvfs(scratch).f_frsize))
    outcome = plugin.stage(f"nfs://{base}:disk", scratch, outfile)
    assert_told_as_full(outcome, scratch)
    assert sorted(os.listdir(scratch)) == ["filler", "out"]
    assert outfile.stat().st_size == 8192


def test_read_only_scratch_is_told_as_such(plugin: Plugin, base: Path, small_scratch: SmallScratch) -> None:
    scratch = small_scratch("size=1m")
    subprocess.run(["mount", "-o", "remount,ro", scratch], check=True, timeout=30)
    outcome = plugin.stage(f"nfs://{base}:disk", scratch)
    assert (outcome.status, outcome.error["ErrorType"]) == (74, "Transfer")
    assert "Read-only file system; the scratch directory on " in outcome.error["ErrorString"]
    assert "is mounted or exported read-only" in outcome.error["ErrorString"]
    assert outcome.error["DeveloperData"]["ErrnoName"] == "EROFS"
    assert os.listdir(scratch) == []


def test_scratch_of_somebody_else_is_told_as_such(plugin: Plugin, base: Path, scratch: Path) -> None:
    os.chown(scratch, 0, 0)
    outcome = plugin.stage(f"nfs://{base}:disk", scratch)
    assert (outcome.status, outcome.error["ErrorType"]) == (77, "Authorization")
    assert f"the job's user (uid {NOBODY}) may not write into the scratch directory" in outcome.error["ErrorString"]
    assert outcome.error["DeveloperData"]["Errno"] == errno.EACCES
    assert os.listdir(scratch) == []


@pytest.mark.parametrize(("kind", "status"), [("ENOSPC", 74), ("EDQUOT", 74), ("EIO", 69)])
def test_scratch_that_tells_only_at_close_that_it_took_nothing_gets_no_disk(
    plugin: Plugin, base: Path, broken: Share, kind: str, status: int
) -> None:
    """As one on NFS does."""
    scratch = broken.mount / "scratch"
    (broken.source / "scratch").mkdir()
    os.chown(broken.source / "scratch", NOBODY, NOBODY)
    broken.order(kind, "flush")
    outcome = plugin.stage(f"nfs://{base}:disk", scratch)
    broken.order("ok")
    assert (outcome.status, outcome.error["DeveloperData"]["ErrnoName"]) == (status, kind)
    assert os.listdir(broken.source / "scratch") == []
    (broken.source / "scratch").rmdir()
