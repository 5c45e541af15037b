"""A disk is complete under its name or not there at all, and never in another file's place."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from condor_kvm_stage.failures import AuthorizationError, NodeError, ParameterError, StageError, TransferError
from support.staged_disks import names, put
from support.users import as_the_first_user


def test_existing_file_is_not_touched(scratch: Path, base: Path) -> None:
    (scratch / "disk").write_text("the job's own")
    with pytest.raises(ParameterError, match=r"/disk already exists and is not overwritten; choose another name"):
        put(f"nfs://{base}:disk", scratch)
    assert (scratch / "disk").read_text() == "the job's own"
    assert names(scratch) == ["disk"]


def test_symlink_in_the_overlays_place_is_not_followed(tmp_path: Path, scratch: Path, base: Path) -> None:
    (scratch / "disk").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ParameterError, match="already exists"):
        put(f"nfs://{base}:disk", scratch)
    assert not (tmp_path / "elsewhere").exists()


def test_leftover_of_a_killed_attempt_is_removed_and_others_are_not(scratch: Path, base: Path) -> None:
    before = f".vm-nfs-plugin.{os.uname().nodename}"
    killed = f"{before}.{_unused_pid()}.disk"
    others = [f"{before}.{os.getpid()}.disk2", f"{before}.{_unused_pid()}.other", ".vm-nfs-plugin.elsewhere.1.disk"]
    for name in (killed, *others):
        (scratch / name).write_text("half")
    put(f"nfs://{base}:disk", scratch)
    assert names(scratch) == sorted(["disk", *others])


def _unused_pid() -> int:
    return next(pid for pid in range(4_000_000, 0, -1) if not Path(f"/proc/{pid}").exists())


def test_missing_scratch_directory_is_one_message(tmp_path: Path, base: Path) -> None:
    with pytest.raises(StageError, match=r"cannot write .*/none/disk: No such file or directory; check the path"):
        put(f"nfs://{base}:disk", tmp_path / "none")


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            "No space left on device",
            TransferError,
            "No space left on device; the scratch directory on .* is full: ask for more with request_disk",
        ),
        ("Disk quota exceeded", TransferError, "the quota of the scratch directory on .* is used up"),
        ("Read-only file system", TransferError, "is mounted or exported read-only"),
        ("Permission denied", AuthorizationError, "may not write into"),
        (
            "anything else",
            TransferError,
            r"qemu-img failed \(exit status 1\): .*: anything else; if the image is damaged",
        ),
    ],
)
def test_failure_of_qemu_img_leaves_no_file_and_is_explained(
    scratch: Path,
    base: Path,
    fake_program: Callable[[str, str], None],
    said: str,
    kind: type[StageError],
    message: str,
) -> None:
    fake_program("qemu-img", f'for last; do :; done; echo half > "$last"; echo "qemu-img: $last: {said}" >&2; exit 1')
    with pytest.raises(kind, match=message) as caught:
        put(f"nfs://{base}?mode=copy:disk", scratch)
    assert said in caught.value.detail
    assert names(scratch) == []


def test_messages_of_qemu_img_do_not_depend_on_the_locale(
    scratch: Path, base: Path, fake_program: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    fake_program("qemu-img", 'echo "locale $LC_ALL" >&2; exit 1')
    with pytest.raises(TransferError, match=r"locale C;"):
        put(f"nfs://{base}?mode=copy:disk", scratch)


def test_missing_qemu_img_names_the_package(scratch: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(scratch))
    with pytest.raises(NodeError, match="its administrator must install the package qemu-img"):
        put(f"nfs://{base}?mode=copy:disk", scratch)
    assert names(scratch) == []


def test_what_another_attempt_is_at_work_on_stays(scratch: Path, base: Path) -> None:
    other = f".vm-nfs-plugin.{os.uname().nodename}.{os.getppid()}.disk"
    (scratch / other).write_text("half")
    put(f"nfs://{base}:disk", scratch)
    assert names(scratch) == [other, "disk"]
    assert (scratch / other).read_text() == "half"


@pytest.mark.parametrize("kind", ["file", "symlink", "dangling symlink"])
def test_leftover_with_our_own_number_gives_way_and_is_not_written_through(
    tmp_path: Path, scratch: Path, base: Path, kind: str
) -> None:
    (tmp_path / "victim").write_text("precious")
    leftover = scratch / f".vm-nfs-plugin.{os.uname().nodename}.{os.getpid()}.disk"
    if kind == "file":
        leftover.write_text("half")
    else:
        leftover.symlink_to(tmp_path / ("victim" if kind == "symlink" else "none"))
    put(f"nfs://{base}:disk", scratch)
    assert names(scratch) == ["disk"]
    assert (tmp_path / "victim").read_text() == "precious"
    assert not (tmp_path / "none").exists()


def test_leftover_of_another_user_stays_and_is_not_in_the_way(scratch: Path, base: Path, job_user: int) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can leave a file of another user")
    leftover = scratch / f".vm-nfs-plugin.{os.uname().nodename}.{_unused_pid()}.disk"
    with as_the_first_user():
        scratch.chmod(0o777)
        leftover.write_text("half")
    put(f"nfs://{base}:disk", scratch)
    assert names(scratch) == [leftover.name, "disk"]
    assert (scratch / "disk").stat().st_uid == job_user


@pytest.mark.parametrize("mode", [0o333, 0o1733])
def test_directory_that_can_be_written_to_and_not_read_is_good_enough(
    scratch: Path, base: Path, job_user: int, mode: int
) -> None:
    with as_the_first_user():
        scratch.chmod(mode)
    put(f"nfs://{base}:disk", scratch)
    with as_the_first_user():
        scratch.chmod(0o755)
        assert names(scratch) == ["disk"]


def test_number_of_descriptors_is_the_same_afterwards(scratch: Path, base: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    put(f"nfs://{base}:disk", scratch)
    with pytest.raises(ParameterError):
        put(f"nfs://{base}:disk", scratch)
    assert len(os.listdir("/proc/self/fd")) == before


def test_success_stays_one_if_the_temporary_name_cannot_be_removed(
    scratch: Path, base: Path, qemu_img: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as context:
        context.setattr("posix.unlink", broken)
        assert put(f"nfs://{base}:disk", scratch) > 0
    qemu_img("check", scratch / "disk")
    assert len(names(scratch)) == 2


def test_name_that_was_given_twice_because_the_first_answer_was_lost_is_a_success(
    scratch: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An NFS client sends a request again, and the server then says of the name that it exists."""
    link = os.link

    def link_twice(*arguments: Any, **options: Any) -> None:
        link(*arguments, **options)
        link(*arguments, **options)

    monkeypatch.setattr("posix.link", link_twice)
    put(f"nfs://{base}:disk", scratch)
    assert names(scratch) == ["disk"]
