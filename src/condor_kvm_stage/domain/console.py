"""The guest's console: from a FIFO into console.log in the scratch directory, by a process of the job's user.

Not libvirt's own virtlogd: it writes as root to a path of the user's, and of what a guest prints it keeps the last
megabytes in further files. The process ends with the guest. It also tells the job's ad the last lines, in the attribute
ChirpConsole, which a user sees by condor_q and condor_history, and in the event log, if he asks for that.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable
from typing import NoReturn

from ..failures import NodeError, ParameterError
from ..processes import become_user, detach, is_alive
from . import chirp
from .capped_log import CappedFile
from .job import Job
from .private_dir import SAVED_GUEST, PrivateDir
from .request import CONSOLE

_PAUSE = 30  # seconds between two updates of the job's ad
_SEEN = 4096  # bytes of the end of the console that are looked at for its last lines


def start(directory: PrivateDir, job: Job, largest: int, chirp_config: str) -> str:
    """Begin to write console.log, of at most so many bytes. Returns the path of the FIFOs, less .in and .out.

    Raises NodeError, as where there is a file of that name by now: see check_free().
    """
    # No disk has such a name. Into the first one nobody writes: the guest has no keyboard.
    directory.make_fifo(".console.in")
    fifo_path = directory.make_fifo(".console.out")
    fifo = os.open(fifo_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    if os.fork() == 0:
        _keep(fifo, job, largest, chirp_config, writer)
    os.close(writer)
    os.close(fifo)
    with open(reader, "rb") as told:
        fault = told.read().decode()
    if fault:
        raise NodeError(f"cannot write {CONSOLE} in the scratch directory: {fault}")
    return fifo_path.removesuffix(".out")


def check_free(scratch: str) -> None:
    """Raise ParameterError if the job has brought a file of a name that is needed in the scratch directory."""
    for name, why in ((CONSOLE, "what the guest prints on its console goes there"), (SAVED_GUEST, "it is HTCondor's")):
        if os.path.lexists(f"{scratch}/{name}"):
            raise ParameterError(f"the job brings a file {name}, and {why}; rename that file")


def _keep(fifo: int, job: Job, largest: int, chirp_config: str, told: int) -> NoReturn:
    """The process. told: where it says why it cannot begin, "" if it can."""
    try:
        try:
            detach(fifo, told)
            become_user(job.uid, job.gid)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(f"{job.scratch}/{CONSOLE}", flags, 0o644)
        except OSError as error:
            os.write(told, (error.strerror or str(error)).encode())
            raise
        os.close(told)
        _Keeper(fifo, CappedFile(file, largest), chirp_config).run(job)
    finally:
        os._exit(0)


class _Keeper:
    def __init__(self, fifo: int, log: CappedFile, chirp_config: str) -> None:
        self._fifo = fifo
        self._log = log
        self._config = chirp_config
        self._end = b""  # of the console
        self._told = b""
        self._next = time.monotonic() + _PAUSE
        self._teller = 0  # the process that tells the job's ad right now

    def run(self, job: Job) -> None:
        """Write until QEMU has closed the FIFO, or the starter is gone without a guest."""
        poll = select.poll()
        poll.register(self._fifo, select.POLLIN)
        spoken = False
        while True:
            events = poll.poll(5000)
            data = self._read() if events else b""
            if data:
                spoken = True
                self._take(data)
            elif events and spoken:
                break  # nobody has it open for writing any more
            elif not is_alive(job.starter, job.started):
                break
            elif events:
                time.sleep(0.05)  # libvirt opens and closes it before QEMU does
            self._tell()
        self._write(self._log.finish)
        self._tell(last=True)

    def _read(self) -> bytes:
        """Return what there is to be read, b"" where nobody has the FIFO open for writing."""
        while True:
            try:
                return os.read(self._fifo, 1 << 16)
            except BlockingIOError:  # somebody has opened it just now
                select.select([self._fifo], [], [])

    def _take(self, data: bytes) -> None:
        self._end = (self._end + data)[-_SEEN:]
        self._write(lambda: self._log.write(data))

    def _write(self, action: Callable[[], None]) -> None:
        """A full disk must not stop the guest, which waits for its console to be read."""
        with contextlib.suppress(OSError):
            action()

    def _tell(self, last: bool = False) -> None:
        """Tell the job's ad the last lines, in a process of its own: the starter may not listen for half a minute."""
        if self._teller:
            options = 0 if last else os.WNOHANG
            if os.waitpid(self._teller, options)[0]:
                self._teller = 0
        if self._end == self._told or self._teller or (time.monotonic() < self._next and not last):
            return
        self._told, self._next = self._end, time.monotonic() + _PAUSE
        self._teller = os.fork()
        if self._teller == 0:
            try:
                chirp.set_attribute(self._config, "ChirpConsole", chirp.last_lines(self._end))
            finally:
                os._exit(0)
        if last:
            os.waitpid(self._teller, 0)
