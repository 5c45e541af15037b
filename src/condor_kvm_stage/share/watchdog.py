"""Do what may hang (everything that touches a share) in a process of its own, which can be given up.

A process that waits for a dead share cannot even be killed, so nobody waits for it: what is done in it counts once it
has said so. While it works it tells each step; too long without a word, and the share does not answer.
"""

import marshal
import posix
import select
import sys

from ..failures import BY_STATUS, BugError, ContactError, NodeError, StageError
from . import child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .child import Action

# Seconds; once a share has been silent for its whole time, whatever comes next waits no longer than this.
IMPATIENT = 5
_BEGINNING = 60  # seconds for the process to begin; it does not touch the share then


class SilentError(ContactError):
    """The share did not answer in time."""


class Worker:
    """A process that carries out requests, one after the other. Once it was given up another one takes its place.

    prepare: called in the process when it begins. Returns what is done for each request, and the patience: seconds
    without a beat after which the process is given up, and killed if it can be.
    """

    def __init__(self, prepare: "Callable[[], tuple[Action, float]]") -> None:
        self._prepare = prepare
        self._longest = float("inf")  # seconds that any share is waited for
        self._pid = 0  # no process yet
        self._patience: float = _BEGINNING
        self._step = ""
        self._received = b""

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
                posix.close(self._writer)  # else it would not see that nobody asks any more, or listens
                posix.close(self._reader)
                child.serve(self._prepare, requests, answers)
        except OSError:
            self._forget()
            raise
        finally:
            posix.close(requests)
            posix.close(answers)
        child.make_group(pid)
        self._pid, self._patience, self._received = pid, _BEGINNING, b""

    def do(self, request: "tuple[Any, ...]", doing: str, tidy: "Callable[[int], None]" = lambda pid: None) -> "Any":
        """Call the action with the request's values (of marshal's kinds) and a beat. Returns what it returns.

        doing: for messages, as "stage nfs:///srv/x.qcow2:disk". tidy: called with the process id of one that was
        killed, for what it may have left. Raises the StageError that the action raised, with its step; SilentError; and
        BugError, with a traceback on stderr, for a bug.
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
            self._longest = min(self._patience, IMPATIENT)
            self._give_up(tidy)
            failure = SilentError(
                f"cannot {doing}: the share does not answer; nothing happened on {posix.uname().nodename} for "
                f"{self._patience:.0f} s; try again, and tell the share's administrator if that fails too"
            )
            failure.step = self._step
            raise failure from None
        except StageError as error:
            error.step = self._step
            raise
        except BaseException:  # Ctrl-C
            self._give_up(tidy)
            raise

    def _ask(self, request: bytes) -> "Any":
        try:
            posix.write(self._writer, request)
        except BrokenPipeError:
            # It has been killed since the last one, which does not matter to this one.
            self._forget()
            self._start()
            posix.write(self._writer, request)
        while True:
            kind, *said = self._listen()
            if kind == "step":
                (self._step,) = said
            elif kind == "patience":
                self._patience = min(said[0], self._longest)
            elif kind == "done":
                return said[0]
            else:
                status, trace, message, server, *details = said
                sys.stderr.write(trace)
                failure = BY_STATUS[status](message, *details)
                failure.server = server
                raise failure

    def _listen(self) -> "list[Any]":
        """Return the next message. Raises TimeoutError, and BugError if the process has ended without one."""
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while True:
            end = child.LENGTH + int.from_bytes(self._received[: child.LENGTH], "big")
            if len(self._received) >= end:
                message, self._received = self._received[child.LENGTH : end], self._received[end:]
                return list(marshal.loads(message))
            if not poll.poll(self._patience * 1000):
                raise TimeoutError
            chunk = posix.read(self._reader, 65536)
            if not chunk:
                _, status = posix.waitpid(self._pid, 0)
                self._forget()
                raise BugError(f"bug in vm-nfs-plugin, please report it: its worker ended with wait status {status:#x}")
            self._received += chunk

    def _give_up(self, tidy: "Callable[[int], None]") -> None:
        pid = self._pid
        if not pid:  # interrupted when it was over
            return
        _kill(pid)
        self._forget()
        tidy(pid)

    def _forget(self) -> None:
        self._pid = 0
        posix.close(self._reader)
        posix.close(self._writer)


def _kill(group: int) -> None:
    try:
        posix.killpg(group, 9)  # SIGKILL: the module signal takes half as long as the interpreter's own start
    except ProcessLookupError:
        pass  # it has ended
