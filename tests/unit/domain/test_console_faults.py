"""Where console.log cannot be written no guest starts without a word; and one that runs is not stopped by it."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from condor_kvm_stage.domain import console, private_dir
from condor_kvm_stage.failures import NodeError, ParameterError
from condor_kvm_stage.job import Job
from support.domain import console_keeper
from support.domain.disk_files import put

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can let another user keep the console")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """For this process, and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def refused(where: Job, meanwhile: Callable[[], object] = lambda: None) -> str:
    """Why no console can be kept; nothing is left of the attempt. meanwhile: what happens once the shelter is there."""
    before, descriptors = console_keeper.children(), os.listdir("/proc/self/fd")
    refuge = private_dir.make(where)
    meanwhile()
    opened = set(os.listdir("/proc/self/fd")) - set(descriptors)
    with pytest.raises(NodeError) as caught:
        console.start(refuge, where, 1 << 20, "/nonexistent")
    for pid in console_keeper.children() - before:
        os.waitpid(pid, 0)
    assert console_keeper.children() == before
    assert set(os.listdir("/proc/self/fd")) == {*descriptors, *opened}
    return str(caught.value)


@needs_root
def test_full_disk_stops_no_guest_and_what_was_there_before_is_kept(where: Job) -> None:
    with files_of_at_most(10_000):
        keeper = console_keeper.start(where)
    text = os.urandom(300_000)
    keeper.print(text)  # more than a FIFO holds
    keeper.end()
    assert keeper.log.read_bytes() == text[:10_000]


@pytest.mark.parametrize("kind", ["file", "directory", "dangling symlink"])
def test_file_that_the_job_brings_is_named_before_the_guest_starts(scratch: Path, kind: str) -> None:
    console.check_free(str(scratch))
    _make(scratch / "console.log", kind)
    with pytest.raises(ParameterError, match=r"the job brings a file console\.log, .*; rename that file"):
        console.check_free(str(scratch))


@needs_root
@pytest.mark.parametrize("kind", ["file", "directory", "dangling symlink"])
def test_file_that_appears_meanwhile_is_not_overwritten_and_no_guest_starts(
    where: Job, scratch: Path, kind: str
) -> None:
    _make(scratch / "console.log", kind)
    assert refused(where) == "cannot write console.log in the scratch directory: File exists"
    assert not (scratch / "victim").exists()
    assert kind != "file" or (scratch / "console.log").read_bytes() == b"precious"


@needs_root
def test_scratch_directory_that_cannot_be_written_to_is_a_failure(where: Job, scratch: Path) -> None:
    assert (
        refused(where, lambda: scratch.chmod(0o555))
        == "cannot write console.log in the scratch directory: Permission denied"
    )


@needs_root
@pytest.mark.parametrize("call", ["setgroups", "setresgid", "setresuid"])
def test_process_that_cannot_begin_is_a_failure(
    where: Job, scratch: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Else a guest would start whose console nobody reads, and stop when it has printed 64 KiB."""

    def fail(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, call, fail)
    assert refused(where).endswith(": Operation not permitted")
    assert not (scratch / "console.log").exists()


def _make(path: Path, kind: str) -> None:
    if kind == "file":
        put(path, b"precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to(path.with_name("victim"))
