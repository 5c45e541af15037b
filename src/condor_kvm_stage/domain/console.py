"""Copy the guest's console from a FIFO to console.log in the scratch directory, in a process of the job's user.

libvirt's virtlogd is not used: it writes as root to a path that the user controls, and keeps the last megabytes in
several files. The process ends with the guest. It also writes the last lines to the job's ad, as the attribute
ChirpConsole, which users see with condor_q and condor_history, and in the event log if they request it. And it relays
the guest's terminal.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Callable

from .. import chirp
from ..failures import NodeError, ParameterError
from ..job import CONSOLE, CONSOLE_PIPE, SAVED_GUEST, Job
from ..processes import become_user, detach, is_alive
from . import child_answer
from .capped_log import CappedLog
from .private_dir import PrivateDir
from .terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_PAUSE = 30  # seconds between two updates of the job's ad
_TAIL = 4096  # bytes at the end of the console from which the last lines are taken


def start(directory: PrivateDir, job: Job, largest: int, chirp_config: str) -> str:
    """Start to write console.log. largest: bytes. Returns the path of the two FIFOs, without .in and .out.

    Raises NodeError, for example if a file of that name was created since check_free().
    """
    # No disk can have these names. Nobody writes to the first one: the guest has no keyboard.
    directory.make_fifo(f"{CONSOLE_PIPE}.in")
    fifo_path = directory.make_fifo(f"{CONSOLE_PIPE}.out")
    fifo = os.open(fifo_path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    terminal = Terminal(directory)
    reader, writer = os.pipe2(os.O_CLOEXEC)
    writing = os.fork()
    if writing == 0:
        _run_writer(_Writer(fifo, terminal, chirp_config), job, largest, writer)
    os.close(writer)
    os.close(fifo)
    terminal.close()
    fault = child_answer.read(reader, writing)
    if fault:
        raise NodeError(f"cannot write {CONSOLE} in the scratch directory: {fault}")
    return fifo_path.removesuffix(".out")


def check_free(scratch: str) -> None:
    """Raise ParameterError if the job has brought a file with a reserved name into the scratch directory."""
    for name, why in ((CONSOLE, "what the guest prints on its console goes there"), (SAVED_GUEST, "it is HTCondor's")):
        if os.path.lexists(f"{scratch}/{name}"):
            raise ParameterError(f"the job brings a file {name}, and {why}; rename that file")


def _run_writer(writer: _Writer, job: Job, largest: int, answer: int) -> NoReturn:
    """Run the process. answer: a pipe to which it writes why it cannot start, or that it can."""
    try:
        try:
            detach(answer, *writer.descriptors)
            become_user(job.uid, job.gid)
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(f"{job.scratch}/{CONSOLE}", flags, 0o600)
        except OSError as error:
            os.write(answer, (error.strerror or str(error)).encode())
            raise
        child_answer.has_begun(answer)
        writer.run(CappedLog(file, largest), job)
    finally:
        os._exit(0)


class _Writer:
    def __init__(self, fifo: int, terminal: Terminal, chirp_config: str) -> None:
        self._fifo = fifo
        self._terminal = terminal
        self._config = chirp_config
        self._tail = b""  # last bytes of the console
        self._sent = b""  # the tail at the last update of the job's ad
        self._next = time.monotonic() + _PAUSE  # time of the next update
        self._sender = 0  # process id of the update that is running, 0 if there is none

    @property
    def descriptors(self) -> list[int]:
        """The files that it needs."""
        return [self._fifo, *self._terminal.descriptors]

    def run(self, log: CappedLog, job: Job) -> None:
        """Write until QEMU has closed the FIFO, or the starter has ended without starting a guest."""
        has_data = False
        while True:
            events = self._wait()
            has_event = self._fifo in events
            data = self._read() if has_event else b""
            if data:
                if not has_data:
                    self._lock()
                has_data = True
                self._append(log, data)
            elif has_event and has_data:
                break  # no process has it open for writing any more
            elif not is_alive(job.starter, job.started):
                break
            elif has_event:
                time.sleep(0.05)  # libvirt opens and closes it before QEMU does
            self._terminal.handle(events)
            self._update()
        self._write(log.finish)
        self._update(last=True)

    def _lock(self) -> None:
        """Show that there is something to keep: whoever ends the job waits until it is told, and this process ends."""
        import fcntl  # not needed by the builder, which a job waits for

        with contextlib.suppress(OSError):
            fcntl.flock(self._fifo, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _wait(self) -> dict[int, int]:
        poll = select.poll()
        poll.register(self._fifo, select.POLLIN)
        self._terminal.register(poll)
        return dict(poll.poll(5000))

    def _read(self) -> bytes:
        """Return the available data, b"" if no process has the FIFO open for writing."""
        while True:
            try:
                return os.read(self._fifo, 1 << 16)
            except BlockingIOError:  # a process has just opened it
                select.select([self._fifo], [], [])

    def _append(self, log: CappedLog, data: bytes) -> None:
        self._tail = (self._tail + data)[-_TAIL:]
        self._write(lambda: log.write(data))

    def _write(self, action: Callable[[], None]) -> None:
        """Ignore a full disk: it must not stop the guest, which waits for its console to be read."""
        with contextlib.suppress(OSError):
            action()

    def _update(self, last: bool = False) -> None:
        """Update the job's ad with the last lines, in a child: the starter may not respond for half a minute."""
        if self._sender:
            options = 0 if last else os.WNOHANG
            if os.waitpid(self._sender, options)[0]:
                self._sender = 0
        if self._tail == self._sent or self._sender or (time.monotonic() < self._next and not last):
            return
        self._sent, self._next = self._tail, time.monotonic() + _PAUSE
        self._sender = os.fork()
        if self._sender == 0:
            try:
                chirp.set_attribute(self._config, "ChirpConsole", chirp.last_lines(self._tail))
            finally:
                os._exit(0)
        if last:
            os.waitpid(self._sender, 0)
