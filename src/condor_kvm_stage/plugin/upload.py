"""Put one output file of a job on the share, as the job's user: complete under its name, or not at all."""

import errno
import os
import stat

from ..failures import AuthorizationError, ParameterError, SpecificationError, on_share
from ..images import image, qemu_img
from ..installed import POLICY
from ..policy.model import StagingPolicy
from ..share import mounts, paths
from ..text import printable
from . import publish
from .url import UploadUrl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..share.child import Heartbeat

_CHUNK = 1 << 20  # bytes between two beats
_SYNC = 64 << 20  # bytes that may wait to be written: all of them at the end could be minutes without a heartbeat


def upload(source: str, wanted: UploadUrl, policy: StagingPolicy, heartbeat: "Heartbeat") -> int:
    """Copy the file `source` to where `wanted` says. Returns the size in bytes of what is there now.

    heartbeat: called at each step. Raises StageError; the share is then as it was.
    """
    path = mounts.local_path(wanted.server, wanted.path, mounts.read()) if wanted.server else wanted.path
    directory, name = os.path.split(path)
    if name in ("", ".", ".."):
        raise ParameterError(f"{printable(path)} names no file; append one to the URL")
    heartbeat("resolve")
    place = paths.resolve(directory, f"write into {printable(directory)}", for_all=False)
    if not stat.S_ISDIR(place.status.st_mode):
        raise SpecificationError(f"cannot write into {printable(directory)}: it is not a directory; correct the URL")
    _check_allowed(place.path, policy)
    heartbeat("copy")

    def make(file: int) -> None:
        if wanted.standalone:
            _flatten(source, publish.path_of(file), policy, heartbeat)
        else:
            _copy(source, file, heartbeat)
        heartbeat("publish")

    where = f"the directory {printable(place.path)}"
    return publish.publish(place.path, name, where, make, wanted.overwrite, shared=True, mode=_mode(source))


def _check_allowed(directory: str, policy: StagingPolicy) -> None:
    """Refuse a directory (without symlinks) that policy does not open."""
    if not paths.lies_under(directory + "/", policy.output_dirs):
        allowed = printable(", ".join(policy.output_dirs)) or "none"
        raise AuthorizationError(
            f"output may not be put into {printable(directory)} (allowed: {allowed}); let HTCondor transfer it to the "
            f"submitter, or ask the administrator of {os.uname().nodename} to add that directory to output_dirs in "
            f"{POLICY}",
            check="output_dirs",
        )


def _mode(source: str) -> int:
    """Return the mode for the file on the share: the output file's own, and its owner may write it."""
    try:
        return stat.S_IMODE(os.stat(source).st_mode) & 0o777 | 0o600
    except OSError as error:
        raise on_share(error, f"open the output file {printable(source)}") from error


def _flatten(source: str, temporary: str, policy: StagingPolicy, heartbeat: "Heartbeat") -> None:
    # The guest has had this file in its hands: it is inspected as any image, and so is what it refers to.
    found = image.inspect(os.path.abspath(source), policy, heartbeat, own=f"image {printable(source)}")
    if found.format != "qcow2":
        raise ParameterError(
            f"standalone=yes is for qcow2 overlays, but {printable(source)} is {found.format}; leave it out"
        )
    qemu_img.convert(temporary, found.path, found.format, heartbeat, durable=True)


def _copy(source: str, writer: int, heartbeat: "Heartbeat") -> None:
    """Copy data, and leave holes where there are some (lseek(2), SEEK_DATA)."""
    try:
        reader = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise on_share(error, f"open the output file {printable(source)}") from error
    try:
        status = os.fstat(reader)
        if not stat.S_ISREG(status.st_mode):
            raise ParameterError(f"{printable(source)} is not a regular file; name one in transfer_output_files")
        for start, end in _data(reader, status.st_size, source):
            _copy_range(reader, writer, start, end, source, heartbeat)
        # what it lost behind the last stretch of data looks like a hole
        if os.fstat(reader).st_size < status.st_size:
            raise _shrunk(source)
        os.ftruncate(writer, status.st_size)
    finally:
        os.close(reader)


def _data(reader: int, size: int, source: str) -> "Iterator[tuple[int, int]]":
    """Give where each stretch of data begins and ends, up to the file's size as it was."""
    end = 0
    while end < size:
        try:
            start = os.lseek(reader, end, os.SEEK_DATA)
            end = min(size, os.lseek(reader, start, os.SEEK_HOLE))
        except OSError as error:
            if error.errno == errno.ENXIO:  # no data from here on
                return
            raise on_share(error, f"read the output file {printable(source)}") from error
        yield start, end


def _copy_range(reader: int, writer: int, start: int, end: int, source: str, heartbeat: "Heartbeat") -> None:
    while start < end:
        try:
            chunk = os.pread(reader, min(_CHUNK, end - start), start)
        except OSError as error:
            raise on_share(error, f"read the output file {printable(source)}") from error
        if not chunk:
            raise _shrunk(source)
        start += os.pwrite(writer, chunk, start)
        if start % _SYNC < _CHUNK:
            os.fdatasync(writer)
        heartbeat("copy")


def _shrunk(source: str) -> ParameterError:
    return ParameterError(f"{printable(source)} became shorter while it was copied; end what writes to it")
