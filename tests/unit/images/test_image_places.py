"""Where an image lies and who may read it: policy and permissions, and what is said of an image that is not there."""

from __future__ import annotations

import errno
import functools
import os
import posix
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage.failures import AuthorizationError, StageError
from condor_kvm_stage.share import mounts, tickets
from hostile import put, qcow2
from hostile.case import NOT_GUARDED
from support.inspected_images import as_qemu_has_it, inspect
from support.users import as_the_first_user


def test_image_dirs_hold_what_is_in_them_at_any_depth_and_through_symlinks(
    tmp_path: Path, site_policy: Callable[[str], None]
) -> None:
    base = put(tmp_path / "images/base")
    top = put(tmp_path / "images/deep/image", qcow2(backing=b"../base", backing_format=b"raw"))
    (tmp_path / "link").symlink_to("images")
    for directory in ("images", "images/", "link", "."):
        site_policy(f'[staging]\nimage_dirs = ["/nonexistent", "{tmp_path}/{directory}"]\n')
        assert inspect(top).path == str(top)
        assert inspect(tmp_path / "link/base").path == str(base)


def test_dots_behind_a_symlink_lead_where_they_lead_the_kernel_and_qemu(
    tmp_path: Path, site_policy: Callable[[str], None]
) -> None:
    """Read as text, the name stays in a directory where nothing is; it leads into the one that is allowed."""
    base = put(tmp_path / "images/base", bytes(512))
    (tmp_path / "images/deep").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link").symlink_to("../images/deep")
    image = put(tmp_path / "images/image", qcow2(backing=b"../elsewhere/link/../base", backing_format=b"raw"))
    site_policy(f'[staging]\nimage_dirs = ["{tmp_path}/images"]\n')
    assert inspect(tmp_path / "elsewhere/link/../base").path == str(base)
    assert inspect(image).path == str(image)
    assert len(as_qemu_has_it(image, "qcow2")) == 2


def test_longest_path_that_qemu_can_note_is_accepted(tmp_path: Path) -> None:
    directory = tmp_path
    while len(bytes(directory)) < 800:
        directory = put(directory / ("x" * 100) / "file").parent
    path = put(directory / ("y" * (1023 - len(bytes(directory)) - 1)))
    assert len(bytes(path)) == 1023
    assert inspect(path).path == str(path)


@pytest.mark.parametrize("name", ["with space", "ü", "日本", "a'b", "proc"])
def test_path_of_printable_characters_is_accepted(tmp_path: Path, name: str) -> None:
    assert inspect(put(tmp_path / name / "image")).path == f"{tmp_path}/{name}/image"


def test_uploaded_overlay_may_be_private_and_anywhere_but_its_base_may_not(
    tmp_path: Path, site_policy: Callable[[str], None]
) -> None:
    base = put(tmp_path / "images/base")
    overlay = put(tmp_path / "scratch/overlay", qcow2(backing=bytes(base), backing_format=b"raw"))
    overlay.chmod(0o600)
    overlay.parent.chmod(0o700)
    site_policy(f'[staging]\nimage_dirs = ["{base.parent}"]\n')
    assert inspect(overlay, own="disk").format == "qcow2"
    site_policy('[staging]\nimage_dirs = ["/nonexistent"]\n')
    with pytest.raises(AuthorizationError) as caught:
        inspect(overlay, own="disk")
    assert caught.value.check == "image_dirs"
    site_policy(NOT_GUARDED)
    base.chmod(0o600)
    with pytest.raises(AuthorizationError) as caught:
        inspect(overlay, own="disk")
    assert caught.value.check == "readable"


def test_missing_image_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"cannot open image /.*/none: No such file or directory; check .* mounted on"):
        inspect(tmp_path / "none")


def test_image_that_the_jobs_user_cannot_open_is_named_with_its_owners_command(tmp_path: Path, job_user: int) -> None:
    path = _made_by_the_first_user(tmp_path / "image", 0)
    with pytest.raises(
        AuthorizationError, match=r"not readable for the job's user \(uid \d+\); its owner must allow that: .*/image$"
    ) as caught:
        inspect(path)
    assert (caught.value.check, caught.value.code) == ("readable", errno.EACCES)


def test_directory_that_the_jobs_user_cannot_search_is_named_with_its_owners_command(
    tmp_path: Path, job_user: int
) -> None:
    path = _made_by_the_first_user(tmp_path / "private/image", 0o644, 0)
    expected = rf"the job's user \(uid {job_user}\) may not search the directory (/.*/private); .* allow that: .*\1$"
    with pytest.raises(AuthorizationError, match=expected) as caught:
        inspect(path)
    assert (caught.value.check, caught.value.code) == ("searchable", errno.EACCES)


def refuse(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stat(2) fail for a path as it does on NFS if the server no longer exports what is mounted there."""
    for name in ("lstat", "stat"):
        monkeypatch.setattr(posix, name, functools.partial(_refusing, path, getattr(posix, name)))


def _refusing(path: str, real: Callable[[str], os.stat_result], asked: str) -> os.stat_result:
    if asked == path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return real(asked)


def test_share_that_refuses_the_jobs_user_is_not_blamed_on_the_directory_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tmp_path / "share"
    refuse(str(share), monkeypatch)
    with pytest.raises(AuthorizationError, match=f"the share at {share} refuses the job's user .* export") as caught:
        inspect(share / "image")
    assert (caught.value.check, caught.value.code) == ("", errno.EACCES)


@pytest.mark.parametrize(
    ("kind", "mode", "expected"),
    [
        ("nfs4", 0o755, "the share at {} refuses the job's user"),
        ("nfs", 0o711, "the share at {} refuses the job's user"),
        ("nfs", 0o710, "may not search the directory {};"),
        ("ext4", 0o755, "may not search the directory {};"),
    ],
)
def test_share_that_refuses_the_jobs_user_is_not_blamed_on_a_directory_that_is_open_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, mode: int, expected: str
) -> None:
    """The client remembers the directory, and its mode, for a minute."""
    share, mountinfo = tmp_path / "share", tmp_path / "mountinfo"
    share.mkdir()
    share.chmod(mode)
    mountinfo.write_text(f"36 35 0:50 / {share} rw - {kind} filer:/export rw\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))
    refuse(str(share / "image"), monkeypatch)
    refuse(f"{share}/.", monkeypatch)
    with pytest.raises(AuthorizationError, match=expected.format(share)):
        inspect(share / "image")


@pytest.mark.parametrize(("call", "name"), [("lstat", ""), ("lstat", "/image"), ("open", "/image")])
@pytest.mark.parametrize("code", [errno.EACCES, errno.EKEYEXPIRED])
def test_share_that_takes_no_ticket_of_the_jobs_user_is_not_blamed_on_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, name: str, code: int
) -> None:
    """Which call fails depends on what the client remembers."""
    share, mountinfo = tmp_path / "share", tmp_path / "mountinfo"
    put(share / "image")
    mountinfo.write_text(f"36 35 0:50 / {share} rw - nfs4 filer:/export rw,sec=krb5\n", encoding="utf-8")
    monkeypatch.setattr(mounts, "MOUNTINFO", str(mountinfo))
    monkeypatch.setattr(tickets, "_DAEMON", Path("/proc/self/comm").read_bytes().strip())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    real = getattr(posix, call)

    def refusing(asked: str, *arguments: int) -> object:
        if asked == f"{share}{name}":
            raise OSError(code, os.strerror(code))
        return real(asked, *arguments)

    def asked_for_its_space(_: str) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(posix, call, refusing)
    monkeypatch.setattr(os, "statvfs", asked_for_its_space)
    with pytest.raises(AuthorizationError, match=f"the share at {share} wants Kerberos tickets") as caught:
        inspect(share / "image")
    assert (caught.value.check, caught.value.code) == ("ticket", code)


def _made_by_the_first_user(path: Path, mode: int, directory_mode: int = 0o755) -> Path:
    with as_the_first_user():
        put(path).chmod(mode)
        path.parent.chmod(directory_mode)
    return path


def test_private_image_of_the_jobs_user_is_staged_unless_qemu_is_another_user(
    tmp_path: Path, site_policy: Callable[[str], None], job_user: int
) -> None:
    path = _made_by_the_first_user(tmp_path / "own/image", 0o600, 0o700)
    with as_the_first_user():
        os.chown(path, job_user, -1)
        os.chown(path.parent, job_user, -1)
    assert inspect(path).path == str(path)
    with as_the_first_user():
        site_policy(NOT_GUARDED)
    with pytest.raises(AuthorizationError, match="so QEMU, which runs as a different user, could not"):
        inspect(path)
