"""Copy one output file of a job to the share, atomically, as the job's user."""

import errno
import os
import stat

from ..failures import AuthorizationError, ParameterError, SpecificationError
from ..images import image, qemu_img
from ..installed import POLICY
from ..policy.model import StagingPolicy
from ..share import mounts, paths, patience
from ..share.faults import on_share
from ..text import printable
from . import publish
from .url import UploadUrl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..share.child import Heartbeat

_CHUNK = 1 << 20  # bytes between two heartbeats
_SYNC = 64 << 20  # bytes between two syncs: a single sync at the end could take minutes without a heartbeat


def upload(source: str, wanted: UploadUrl, policy: StagingPolicy, heartbeat: "Heartbeat") -> int:
    """Copy the file `source` to where `wanted` says. Returns the size of the new file in bytes.

    heartbeat: called at each step. Raises StageError; the share is then unchanged.
    """
    path = mounts.local_path(wanted.server, wanted.path, mounts.read()) if wanted.server else wanted.path
    directory, name = os.path.split(path)
    if name in ("", ".", ".."):
        raise ParameterError(f"{printable(path)} does not name a file; append a file name to the URL")
    heartbeat("resolve")
    try:
        target = paths.resolve(directory, f"write into {printable(directory)}")
    except SpecificationError as error:
        raise (mounts.not_mounted(error, directory) if error.code else None) or error from error
    if not stat.S_ISDIR(target.status.st_mode):
        raise SpecificationError(f"cannot write into {printable(directory)}: it is not a directory; correct the URL")
    _check_allowed(target.path, policy)
    heartbeat("copy")

    def make(file: int) -> None:
        if wanted.standalone:
            _flatten(source, publish.path_of(file), policy, heartbeat)
        else:
            _copy(source, file, heartbeat)
        heartbeat("publish")

    where = f"the directory {printable(target.path)}"

    def grant(create: "Callable[[], int]") -> int:
        return patience.granted(create, target.path, policy.timeout, heartbeat)

    mode = _mode(source)
    return publish.publish(target.path, name, where, make, wanted.overwrite, shared=True, mode=mode, grant=grant)


def _check_allowed(directory: str, policy: StagingPolicy) -> None:
    """Refuse a directory (path without symlinks) that policy does not allow."""
    if not paths.lies_under(directory + "/", policy.output_dirs):
        allowed = printable(", ".join(policy.output_dirs)) or "none"
        raise AuthorizationError(
            f"output may not be written to {printable(directory)} (allowed: {allowed}); let HTCondor transfer it to "
            f"the submitter, or ask the administrator of {os.uname().nodename} to add that directory to output_dirs in "
            f"{POLICY}",
            check="output_dirs",
        )


def _mode(source: str) -> int:
    """Return the mode for the file on the share: that of the output file, plus read and write for the owner."""
    try:
        return stat.S_IMODE(os.stat(source).st_mode) & 0o777 | 0o600
    except OSError as error:
        raise on_share(error, source, f"open the output file {printable(source)}") from error


def _flatten(source: str, temporary: str, policy: StagingPolicy, heartbeat: "Heartbeat") -> None:
    # A guest has written this file: it is inspected like any image, including its backing chain.
    job_file = image.JobFile(f"image {printable(source)}")
    overlay = image.inspect(os.path.abspath(source), policy, heartbeat, job_file, insists=True)
    if overlay.format != "qcow2":
        raise ParameterError(
            f"standalone=yes is for qcow2 overlays, but {printable(source)} is {overlay.format}; omit it"
        )
    qemu_img.convert(temporary, overlay, heartbeat, durable=True)


def _copy(source: str, writer: int, heartbeat: "Heartbeat") -> None:
    """Copy the data and preserve holes (lseek(2), SEEK_DATA)."""
    try:
        reader = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise on_share(error, source, f"open the output file {printable(source)}") from error
    try:
        status = os.fstat(reader)
        if not stat.S_ISREG(status.st_mode):
            raise ParameterError(f"{printable(source)} is not a regular file; name one in transfer_output_files")
        for start, end in _data(reader, status.st_size, source):
            _copy_range(reader, writer, start, end, source, heartbeat)
        # data that was cut off at the end looks like a hole
        if os.fstat(reader).st_size < status.st_size:
            raise _shrunk(source)
        os.ftruncate(writer, status.st_size)
    finally:
        os.close(reader)


def _data(reader: int, size: int, source: str) -> "Iterator[tuple[int, int]]":
    """Yield the start and end of each range of data, up to the given size of the file."""
    end = 0
    while end < size:
        try:
            start = os.lseek(reader, end, os.SEEK_DATA)
            end = min(size, os.lseek(reader, start, os.SEEK_HOLE))
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data from here on
                return
            raise on_share(error, source, f"read the output file {printable(source)}") from error
        yield start, end


def _copy_range(reader: int, writer: int, start: int, end: int, source: str, heartbeat: "Heartbeat") -> None:
    while start < end:
        try:
            chunk = os.pread(reader, min(_CHUNK, end - start), start)
        except OSError as error:
            raise on_share(error, source, f"read the output file {printable(source)}") from error
        if not chunk:
            raise _shrunk(source)
        start += os.pwrite(writer, chunk, start)
        if start % _SYNC < _CHUNK:
            os.fdatasync(writer)
        heartbeat("copy")


def _shrunk(source: str) -> ParameterError:
    return ParameterError(f"{printable(source)} became shorter while it was copied; stop the program that writes to it")
