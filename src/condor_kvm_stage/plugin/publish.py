"""Make a file under a temporary name, then give it its own: there it is complete, or not there at all."""

import os
import stat

from ..errors import printable
from .failure import ParameterError, on_writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_MARK = ".vm-nfs-plugin"


def publish(
    directory: str, name: str, where: str, make: "Callable[[str], None]", overwrite: bool = False, durable: bool = False
) -> int:
    """Call make(path of an empty file in directory), then let the file have its name. Returns its size in bytes.

    Linking is atomic, and unlike renaming it never replaces a file; overwrite: rename. durable: what was written,
    and its name, are on the disk on return. where: the directory in messages, as "the scratch directory".

    What a killed attempt at the same name left behind is removed first. Raises ParameterError if the name is taken,
    what on_writing() makes of an errno, and what make() raises; nothing is left behind then.
    """
    target = os.path.join(directory, name)
    temporary = _temporary(directory, name, os.getpid())
    try:
        _remove_leftovers(directory, name)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            os.close(descriptor)  # can fail too
            if not overwrite and os.path.lexists(target):
                raise FileExistsError
            make(temporary)
            size = os.stat(temporary).st_size
            if durable:
                _sync(temporary)
            if overwrite:
                os.rename(temporary, target)
            else:
                os.link(temporary, target)
            if durable:
                _sync(directory)
            return size
        finally:
            try:
                os.unlink(temporary)
            except FileNotFoundError:
                pass  # renamed
    except FileExistsError as error:
        raise ParameterError(
            f"{printable(target)} exists already and is not overwritten; choose another name", code=error.errno or 0
        ) from error
    except OSError as error:
        failure = on_writing(error, target, where)
        failure.detail = getattr(error, "detail", "")
        raise failure from error


def discard(directory: str, name: str, pid: int) -> None:
    """Remove what a process that was killed left of publish() with these arguments, if that can be."""
    try:
        os.unlink(_temporary(directory, name, pid))
    except OSError:
        pass  # most often there is none


def _temporary(directory: str, name: str, pid: int) -> str:
    return os.path.join(directory, f"{_MARK}.{os.uname().nodename}.{pid}.{_tail(name)}")


def _remove_leftovers(directory: str, name: str) -> None:
    """Remove the temporary files for this name of processes of this host that are gone."""
    before, after = f"{_MARK}.{os.uname().nodename}.", f".{_tail(name)}"
    for entry in os.listdir(directory):
        if entry.startswith(before) and entry.endswith(after):
            pid = entry[len(before) : -len(after)]
            if pid.isdecimal() and _is_gone(pid):
                path = os.path.join(directory, entry)
                try:
                    if stat.S_ISREG(os.lstat(path).st_mode):
                        os.unlink(path)
                except FileNotFoundError:
                    pass  # it was its owner's last deed, or another attempt was quicker


def _is_gone(pid: str) -> bool:
    """Whether there is no such process, or only what its parent has not asked for yet (proc_pid_stat(5))."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] in b"ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _tail(name: str) -> str:
    """Return as much of a name as fits into a file name with what stands before it."""
    return os.fsdecode(os.fsencode(name)[-100:])


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
