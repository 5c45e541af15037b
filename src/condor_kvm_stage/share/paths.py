"""Resolve symlinks in a path, and check who may search its directories. Can hang with the share."""

import errno
import posix
import stat

from ..failures import AuthorizationError, SpecificationError
from ..text import is_under, printable, quoted
from .faults import on_share

_MAX_LINKS = 40  # as Linux (path_resolution(7))


class Resolved:
    """Where a path leads."""

    __slots__ = ("path", "status")

    def __init__(self, path: str, status: posix.stat_result) -> None:
        self.path = path  # absolute, without symlinks
        self.status = status  # from posix.lstat


def resolve(path: str, doing: str, for_all: bool = False) -> Resolved:
    """Follow an absolute path. doing: the purpose, for messages, for example "open image /srv/x.qcow2".

    for_all: "other" must have search permission on each directory, because QEMU will run as a different user.

    Raises SpecificationError, AuthorizationError or ContactError.
    """
    here, name, links, status = "", "", 0, None
    left = path.split("/")[::-1]
    try:
        while left:
            name = left.pop()
            if name in ("", "."):
                continue
            if name == "proc" and not here:
                raise SpecificationError(
                    f"cannot {doing}: it leads through /proc, which differs for each process; give the file's own path",
                    check="image_path",
                )
            if name == "..":
                here, status = here.rpartition("/")[0], None
                continue
            status = posix.lstat(f"{here}/{name}")
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, posix.strerror(errno.ELOOP))
                target = posix.readlink(f"{here}/{name}")
                left.extend(target.split("/")[::-1])
                here, status = ("" if target.startswith("/") else here), None
                continue
            here = f"{here}/{name}"
            if for_all and stat.S_ISDIR(status.st_mode) and not status.st_mode & stat.S_IXOTH:
                raise AuthorizationError(
                    f"cannot {doing}: not all may search the directory {printable(here)}, so QEMU, "
                    f"which runs as a different user, could not; its owner must run: chmod o+x {quoted(here)}",
                    check="searchable",
                    code=errno.EACCES,
                )
        return Resolved(here or "/", status or posix.lstat(here or "/"))
    except PermissionError as error:
        raise on_share(error, f"{here}/{name}", doing, _refused(here, name, doing)) from error
    except OSError as error:
        if error.errno == errno.ENOENT and "/annex/objects/" in "/".join([here, name, *left[::-1]]):
            raise SpecificationError(
                f"cannot {doing}: it is a link of git-annex, and what it leads to is not here; git annex get "
                f"{quoted(path)}",
                check="format",
                code=errno.ENOENT,
            ) from error
        raise on_share(error, f"{here}/{name}", doing) from error


def _refused(directory: str, name: str, doing: str) -> AuthorizationError:
    """Return the failure that a directory, or a name in it, is forbidden."""
    if _may_search(directory):  # a mount point that may not even be looked at
        return _not_by_modes(f"{directory}/{name}", doing)
    if _is_open_on_nfs(directory):
        return _not_by_modes(directory, doing)
    return AuthorizationError(
        f"cannot {doing}: the job's user (uid {posix.geteuid()}) may not search the directory "
        f"{printable(directory or '/')}; its owner must allow that: chmod or setfacl, for {quoted(directory or '/')}",
        check="searchable",
        code=errno.EACCES,
    )


def _may_search(directory: str) -> bool:
    """Return whether this user may. Before glibc 2.33, access(2) asks for the real user, not for the effective one."""
    try:
        posix.stat(f"{directory}/.")
    except OSError:
        return False
    return True


def _is_open_on_nfs(directory: str) -> bool:
    """Return whether all may search a directory on NFS, as far as its mode says."""
    from . import mounts

    try:
        kind, _, _ = mounts.at(mounts.load(), directory)
        return kind.startswith("nfs") and posix.stat(directory).st_mode & 0o111 == 0o111
    except OSError:
        return False


def _not_by_modes(path: str, doing: str) -> AuthorizationError:
    """Return the failure that a share refuses the job's user, and modes do not."""
    host = posix.uname().nodename
    return AuthorizationError(
        f"cannot {doing}: the share at {printable(path)} refuses the job's user (uid {posix.geteuid()}), and not by "
        f"the modes of directories; tell the administrator of {host}: perhaps the server does not export it to {host} "
        "any more, wants a ticket, or has an ACL",
        code=errno.EACCES,
    )


def lies_under(path: str, directories: "list[str]") -> bool:
    """Return whether a resolved path is under one of the directories, whose own symlinks are followed."""
    # First without resolving them: a prefix of a resolved path has no symlinks, and other directories may hang.
    if any(is_under(path, directory) for directory in directories):
        return True
    import os

    return any(is_under(path, os.path.realpath(directory)) for directory in directories)
