"""Run operations that may hang (everything that touches a share) in a child, with a heartbeat and a timeout.

A process that waits for a dead share cannot even be killed, so it is abandoned: its work counts only once it has
reported success. It sends a heartbeat at each step; if none arrives within the timeout, the share does not answer.
"""

import marshal
import posix
import select
import sys

from ..failures import BY_STATUS, BugError, ContactError, Failure, NodeError
from . import child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .child import Prepare

# Seconds; once a share has been silent for its whole timeout, later requests wait no longer than this.
TIMEOUT_AFTER_SILENCE = 5
_TIMEOUT_OF_START = 60  # seconds for the child to start; it does not touch the share then


class SilentError(ContactError):
    """The share did not answer in time."""


class Watchdog:
    """A child that carries out requests, one after the other; an abandoned child is replaced by a new one."""

    def __init__(self, prepare: "Prepare", program: str) -> None:
        # Called in the child when it starts. Returns the action for each request, and the timeout: seconds without a
        # heartbeat after which the child is abandoned, and killed if possible
        self._prepare = prepare
        self._program = program  # that uses this, for messages about a bug
        self._longest = float("inf")  # seconds; upper limit for the timeout
        self._pid = 0  # of the child, 0 if there is none
        self._timeout: float = _TIMEOUT_OF_START  # seconds
        self._step = ""  # of the last heartbeat, "" before the first one
        self._received = b""  # from the child, not yet a whole message

    def __enter__(self) -> "Watchdog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child, which waits for a request. Not needed before the program exits."""
        if self._pid:
            pid = self._pid
            # Closing the pipe is not enough: a process that was forked later may have a copy of our end
            _kill(pid)
            self._forget()
            posix.waitpid(pid, 0)

    def call(
        self, request: "tuple[Any, ...]", doing: str, cleanup: "Callable[[int], None]" = lambda pid: None
    ) -> "Any":
        """Call the action in the child with the request's values (of types that marshal supports). Returns its result.

        doing: for messages, for example "stage nfs:///srv/x.qcow2:disk". cleanup: called with the process id of a child
        that was killed, to remove its files. Raises the StageError that the action raised, with its step; SilentError;
        and BugError, with a traceback on stderr, for a bug.
        """
        self._step = ""
        try:
            if not self._pid:
                self._start()
        except OSError as error:
            raise NodeError(f"cannot {doing}: no new process on {posix.uname().nodename}: {error.strerror}") from error
        try:
            return self._ask(marshal.dumps(request))
        except TimeoutError:
            self._longest = min(self._timeout, TIMEOUT_AFTER_SILENCE)
            self._abandon(cleanup)
            failure = self._silence(doing)
            failure.step = self._step
            raise failure from None
        except Failure as error:
            error.step = self._step
            raise
        except BaseException:  # Ctrl-C
            self._abandon(cleanup)
            raise

    def _silence(self, doing: str) -> SilentError:
        """Return the failure that the child was silent for too long."""
        problem, locks = "the share does not answer", ""
        if self._step == child.WAITING:
            problem = "the share answers, but lets a request to open or to lock a file wait"
            locks = " (NFS 3 needs rpc.statd on the server and on the node)"
        return SilentError(
            f"cannot {doing}: {problem}; nothing happened on {posix.uname().nodename} for {self._timeout:.0f} s; try "
            f"again, after two minutes if the server has just been started; if that fails too, tell the share's "
            f"administrator{locks}"
        )

    def _start(self) -> None:
        requests, self._writer = posix.pipe2(posix.O_CLOEXEC)
        try:
            self._reader, answers = posix.pipe2(posix.O_CLOEXEC)
        except OSError:
            posix.close(requests)
            posix.close(self._writer)
            raise
        try:
            pid = posix.fork()
            if pid == 0:
                posix.close(self._writer)  # else it would not notice that the parent is gone
                posix.close(self._reader)
                child.serve(self._prepare, self._program, requests, answers)
        except OSError:
            self._forget()
            raise
        finally:
            posix.close(requests)
            posix.close(answers)
        child.make_group(pid)
        self._pid, self._timeout, self._received = pid, _TIMEOUT_OF_START, b""

    def _ask(self, request: bytes) -> "Any":
        try:
            posix.write(self._writer, request)
        except BrokenPipeError:
            # It was killed after the last request, which does not affect this one.
            self._forget()
            self._start()
            posix.write(self._writer, request)
        while True:
            kind, *values = self._listen()
            if kind == "step":
                (self._step,) = values
            elif kind == "timeout":
                self._timeout = min(values[0], self._longest)
            elif kind == "done":
                return values[0]
            else:
                status, trace, message, *details = values
                sys.stderr.write(trace)
                raise BY_STATUS[status](message, *details)

    def _listen(self) -> "list[Any]":
        """Return the next message. Raises TimeoutError, and BugError if the child has ended without one."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while True:
            end = child.LENGTH + int.from_bytes(self._received[: child.LENGTH], "big")
            if len(self._received) >= end:
                message, self._received = self._received[child.LENGTH : end], self._received[end:]
                return list(marshal.loads(message))
            if not poll.poll(self._timeout * 1000):
                raise TimeoutError
            chunk = posix.read(self._reader, 65536)
            if not chunk:
                _, status = posix.waitpid(self._pid, 0)
                self._forget()
                raise BugError(
                    f"bug in {self._program}, please report it: its child ended with wait status {status:#x}"
                )
            self._received += chunk

    def _abandon(self, cleanup: "Callable[[int], None]") -> None:
        pid = self._pid
        if not pid:  # interrupted when the child had already ended
            return
        _kill(pid)
        self._forget()
        cleanup(pid)

    def _forget(self) -> None:
        self._pid = 0
        posix.close(self._reader)
        posix.close(self._writer)


def _kill(group: int) -> None:
    try:
        posix.killpg(group, 9)  # SIGKILL; importing signal takes half as long as the interpreter's own start
    except ProcessLookupError:
        pass  # it has ended
