"""Make a file under a temporary name, then give it its own: there it is complete, or not there at all.

Others may be able to write into the directory. So everything here is done to open descriptors: of the directory, and of
the file that was made in it. A name could stand for something else by the next system call.
"""

import errno
import posix
import stat

from ..failures import ParameterError, on_writing
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
) -> int:
    """Call make(descriptor of an empty file), then let the file have its name in the directory. Returns its size.

    Linking is atomic, and unlike renaming it never replaces a file; overwrite: rename. shared: the directory is not
    the job's own; it is given without symlinks, and what was written is on the disk before it has its name. mode: of
    the file, less the umask. where: the directory in messages, as "the scratch directory".

    What a killed attempt at the same name left behind is removed. Raises ParameterError if the name is taken, what
    on_writing() makes of an errno, and what make() raises; nothing is left behind then.
    """
    target = f"{directory}/{name}"
    try:
        folder = posix.open(directory, posix.O_PATH | posix.O_DIRECTORY | posix.O_CLOEXEC)
        try:
            if shared and posix.readlink(f"/proc/self/fd/{folder}") != directory:
                raise OSError(errno.ESTALE, "the directory was moved meanwhile")
            return _publish_in(folder, name, make, overwrite, shared, mode)
        finally:
            posix.close(folder)
    except FileExistsError as error:
        raise ParameterError(
            f"{printable(target)} exists already and is not overwritten; choose another name", code=errno.EEXIST
        ) from error
    except OSError as error:
        failure = on_writing(error, target, where)
        failure.detail = getattr(error, "detail", "")
        raise failure from error


def path_of(file: int) -> str:
    """Return a path of the file that make() got: of this process and of those that it starts."""
    posix.set_inheritable(file, True)
    return f"/proc/self/fd/{file}"


def discard(directory: str, name: str, pid: int) -> None:
    """Remove what a process that was killed left of publish() with these arguments, if that can be."""
    try:
        posix.unlink(f"{directory}/{_temporary(name, pid)}")
    except OSError:
        pass  # most often there is none


def _publish_in(folder: int, name: str, make: "Callable[[int], None]", overwrite: bool, shared: bool, mode: int) -> int:
    taken = None if overwrite else _status(name, folder)
    if taken:
        _remove_leftovers(name, folder, taken.st_uid)  # of one that was killed when it had just linked it
        raise FileExistsError
    temporary = _temporary(name, posix.getpid())
    _unlink(temporary, folder)  # of a process that had our number before us
    try:
        file = posix.open(temporary, posix.O_RDWR | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC, mode, dir_fd=folder)
    except FileExistsError as error:  # another user's, in a directory where everybody removes only his own
        raise OSError(errno.EBUSY, f"{temporary} is in the way") from error
    try:
        try:
            own = posix.fstat(file)
            _remove_leftovers(name, folder, own.st_uid)
            make(file)
            size = posix.fstat(file).st_size
            if shared:
                posix.fsync(file)
            else:
                # As at the last close, which comes too late: only then NFS tells that there was no room.
                posix.close(posix.dup(file))
            if overwrite:
                posix.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
                if not _is_it(name, folder, own):
                    raise OSError(errno.ESTALE, "another program has replaced the file meanwhile")
            else:
                _link(file, name, folder, own)
            return size
        finally:
            _close(file)  # first: NFS keeps an open file under yet another name
    finally:
        _unlink(temporary, folder)


def _link(file: int, name: str, folder: int, own: posix.stat_result) -> None:
    try:
        posix.link(f"/proc/self/fd/{file}", name, dst_dir_fd=folder)
    except FileExistsError:
        if not _is_it(name, folder, own):  # else NFS did it twice, because the first answer was lost
            raise


def _status(name: str, folder: int) -> "posix.stat_result | None":
    try:
        return posix.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _is_it(name: str, folder: int, own: posix.stat_result) -> bool:
    found = _status(name, folder)
    return found is not None and (found.st_ino, found.st_dev) == (own.st_ino, own.st_dev)


def _unlink(name: str, folder: int) -> None:
    """Remove a temporary file, if it is there. Where that fails, what matters has succeeded or failed before."""
    try:
        posix.unlink(name, dir_fd=folder)
    except OSError:
        pass


def _close(file: int) -> None:
    try:
        posix.close(file)
    except OSError:
        pass  # what was written is known to be there


def _temporary(name: str, pid: int) -> str:
    # as much of the name as fits into a file name with what stands before it
    return f"{_MARK}.{posix.uname().nodename}.{pid}." + to_text(to_bytes(name)[-100:])


def _remove_leftovers(name: str, folder: int, owner: int) -> None:
    """Remove the owner's temporary files for this name of processes of this host that are gone, where that can be."""
    before, after = _temporary(name, 0).split(".0.", 1)
    try:
        entries = posix.listdir(f"/proc/self/fd/{folder}")
    except OSError:
        return  # a directory that can be written to, and not read
    for entry in entries:
        pid = entry[len(before) + 1 : -len(after) - 1]
        if entry.startswith(before + ".") and entry.endswith("." + after) and pid.isdecimal() and _is_gone(pid):
            found = _status(entry, folder)
            if found and stat.S_ISREG(found.st_mode) and found.st_uid == owner:
                _unlink(entry, folder)


def _is_gone(pid: str) -> bool:
    """Whether there is no such process, or only what its parent has not asked for yet (proc_pid_stat(5))."""
    from .. import proc_stat  # hardly ever needed

    try:
        return proc_stat.read(pid)[proc_stat.STATE] in b"ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
