"""Create a file atomically: write it under a temporary name, then give it its own name.

Others may have write access to the directory. So everything here uses open descriptors, of the directory and of the new
file: a name could refer to something else by the next system call (TOCTOU).
"""

import errno
import posix
import stat

from ..failures import ParameterError
from ..text import printable, to_bytes, to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_MARK = ".vm-nfs-plugin"


def publish(
    directory: str,
    name: str,
    where: str,
    make: "Callable[[int], None]",
    overwrite: bool = False,
    shared: bool = False,
    mode: int = 0o644,
    grant: "Callable[[Callable[[], int]], int]" = lambda create: create(),
) -> int:
    """Call make(descriptor of an empty file), then give the file its name in the directory. Returns its size.

    Linking is atomic, and unlike renaming it never replaces a file. overwrite: rename instead. shared: the directory is
    not the job's own; its path has no symlinks, and the data is synced to disk before the file gets its name. mode: of
    the file, before the umask. where: the directory in messages, for example "the scratch directory". grant: calls what
    creates the file, and returns its result.

    Temporary files of a killed attempt at the same name are removed. Raises ParameterError if the name is taken, what
    on_writing() returns for an errno, and what make() raises; no file is left behind then.
    """
    target = f"{directory}/{name}"
    try:
        dir_fd = posix.open(directory, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
        try:
            if shared and posix.readlink(f"/proc/self/fd/{dir_fd}") != directory:
                raise OSError(errno.ESTALE, "the directory was moved in the meantime")
            return _publish_in(dir_fd, name, make, overwrite, shared, mode, grant)
        finally:
            posix.close(dir_fd)
    except FileExistsError as error:
        raise ParameterError(
            f"{printable(target)} already exists and is not overwritten; choose another name", code=errno.EEXIST
        ) from error
    except OSError as error:
        from ..share import faults

        failure = faults.on_writing(error, target, where)
        failure.detail = getattr(error, "detail", "")
        raise failure from error


def path_of(file: int) -> str:
    """Return a path to the file that make() got, valid in this process and its children."""
    posix.set_inheritable(file, True)
    return f"/proc/self/fd/{file}"


def discard(directory: str, name: str, pid: int) -> None:
    """Remove the temporary file of a process that was killed in publish() with these arguments, if possible."""
    try:
        posix.unlink(f"{directory}/{_temporary(name, pid)}")
    except OSError:
        pass  # usually there is none


def _publish_in(
    dir_fd: int,
    name: str,
    make: "Callable[[int], None]",
    overwrite: bool,
    shared: bool,
    mode: int,
    grant: "Callable[[Callable[[], int]], int]",
) -> int:
    existing = None if overwrite else _status(name, dir_fd)
    if existing:
        _remove_leftovers(name, dir_fd, existing.st_uid)  # of one that was killed just after linking it
        raise FileExistsError
    temporary = _temporary(name, posix.getpid())
    _unlink(temporary, dir_fd)  # of an earlier process with our process id
    flags = posix.O_RDWR | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
    try:
        file = grant(lambda: posix.open(temporary, flags, mode, dir_fd=dir_fd))
    except FileExistsError as error:  # another user's, in a sticky directory
        raise OSError(errno.EBUSY, f"{temporary} exists") from error
    try:
        try:
            own = posix.fstat(file)
            _remove_leftovers(name, dir_fd, own.st_uid)
            make(file)
            size = posix.fstat(file).st_size
            if shared:
                posix.fsync(file)
            else:
                # NFS reports a full disk only at close; the last close comes too late.
                posix.close(posix.dup(file))
            if overwrite:
                posix.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
                if not _is_same_file(name, dir_fd, own):
                    raise OSError(errno.ESTALE, "another program has replaced the file")
            else:
                _link(file, name, dir_fd, own)
            return size
        finally:
            _close(file)  # first: NFS keeps a removed file that is open under another name
    finally:
        _unlink(temporary, dir_fd)


def _link(file: int, name: str, dir_fd: int, own: posix.stat_result) -> None:
    try:
        posix.link(f"/proc/self/fd/{file}", name, dst_dir_fd=dir_fd)
    except FileExistsError:
        if not _is_same_file(name, dir_fd, own):  # else NFS retried it, because the first reply was lost
            raise


def _status(name: str, dir_fd: int) -> "posix.stat_result | None":
    try:
        return posix.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_same_file(name: str, dir_fd: int, own: posix.stat_result) -> bool:
    found = _status(name, dir_fd)
    return found is not None and (found.st_ino, found.st_dev) == (own.st_ino, own.st_dev)


def _unlink(name: str, dir_fd: int) -> None:
    """Remove a temporary file, if it exists. Errors are ignored: the outcome is already decided."""
    try:
        posix.unlink(name, dir_fd=dir_fd)
    except OSError:
        pass


def _close(file: int) -> None:
    try:
        posix.close(file)
    except OSError:
        pass  # the data is already known to be written


def _temporary(name: str, pid: int) -> str:
    # as much of the name as fits into a file name after the prefix
    return f"{_MARK}.{posix.uname().nodename}.{pid}." + to_text(to_bytes(name)[-100:])


def _remove_leftovers(name: str, dir_fd: int, owner: int) -> None:
    """Remove temporary files for this name that the owner's dead processes on this host left, if possible."""
    before, after = _temporary(name, 0).split(".0.", 1)
    try:
        entries = posix.listdir(f"/proc/self/fd/{dir_fd}")
    except OSError:
        return  # a directory with write but no read permission
    for entry in entries:
        pid = entry[len(before) + 1 : -len(after) - 1]
        if entry.startswith(before + ".") and entry.endswith("." + after) and pid.isdecimal() and _is_gone(pid):
            found = _status(entry, dir_fd)
            if found and stat.S_ISREG(found.st_mode) and found.st_uid == owner:
                _unlink(entry, dir_fd)


def _is_gone(pid: str) -> bool:
    """Return whether there is no such process, or only a zombie (proc_pid_stat(5))."""
    if pid == str(posix.getpid()):  # the file that this process has just made
        return False
    from .. import proc_stat  # rarely needed

    try:
        return proc_stat.read(pid)[proc_stat.STATE] in b"ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
