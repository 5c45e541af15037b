"""Do what may hang (everything that touches a share) in a process of its own, which can be given up.

A process that waits for a dead share cannot even be killed, so nobody waits for it: what is done in it counts once it
has said so. While it works it tells each step; too long without a word, and the share does not answer.
"""

import marshal
import os
import select
import sys
import time

from .failure import BY_STATUS, BugError, ContactError, NodeError, StageError, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    # Called with the name of the step that is under way, as often as it makes progress
    Beat = Callable[[str], None]

# Seconds; once a share has been silent for the policy's timeout, whatever comes next waits no longer than this.
IMPATIENT = 5
_RESULT = b"="  # begins the last word; steps are lines before it


class SilentError(ContactError):
    """The share did not answer in time."""


class Patience:
    """How long a share may be silent: as long as the policy says, and less once it has been."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout

    def run(
        self, action: "Callable[[Beat], int]", doing: str, tidy: "Callable[[int], None]" = lambda child: None
    ) -> int:
        """Call action in a child process, as run() does."""
        try:
            return run(action, self.timeout, doing, tidy)
        except SilentError:
            self.timeout = min(self.timeout, IMPATIENT)
            raise


def run(
    action: "Callable[[Beat], int]", patience: float, doing: str, tidy: "Callable[[int], None]" = lambda child: None
) -> int:
    """Call action(beat) in a child process. Returns its result, or raises the StageError that it raised, with its step.

    patience: seconds without a beat after which the child is given up, and killed if it can be. doing: for the message,
    as "stage nfs:///srv/x.qcow2:disk". Raises SilentError then, and BugError, with a traceback on stderr, for a bug.
    tidy: called with the pid of a child that was killed, for what it may have left.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        child = os.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        raise NodeError(f"cannot {doing}: no new process on {os.uname().nodename}: {error.strerror}") from error
    if child == 0:
        os.close(reader)
        _be_child(action, writer)
    talk = _Talk(reader)
    try:
        os.close(writer)
        _make_group(child)
        return _result(child, talk, patience)
    except TimeoutError:
        _kill(child)
        tidy(child)
        failure = SilentError(
            f"cannot {doing}: the share does not answer; nothing happened on {os.uname().nodename} for "
            f"{patience:.0f} s; try again, and tell the share's administrator if that fails too"
        )
        failure.step = talk.step
        raise failure from None
    except StageError as error:
        error.step = talk.step
        raise
    except BaseException:  # Ctrl-C
        _kill(child)
        tidy(child)
        raise
    finally:
        os.close(reader)


def _result(child: int, talk: "_Talk", patience: float) -> int:
    answer = talk.listen(patience)
    if not answer:
        _, wait_status = os.waitpid(child, 0)
        raise BugError(f"bug in vm-nfs-plugin, please report it: its worker ended with wait status {wait_status:#x}")
    os.waitpid(child, os.WNOHANG)  # it has ended, or does so now; should that hang, init gets it
    status, message, details, trace, result = marshal.loads(answer)
    if not status:
        return int(result)
    sys.stderr.write(trace)
    raise BY_STATUS[status](message, *details)


class _Talk:
    """What the child says. step: the last one that it told."""

    def __init__(self, reader: int) -> None:
        self.reader = reader
        self.step = ""

    def listen(self, patience: float) -> bytes:
        """Return what follows _RESULT once the child has closed its end, b"" if nothing does. Raises TimeoutError."""
        poll = select.poll()
        poll.register(self.reader, select.POLLIN)
        received = b""
        deadline = time.monotonic() + patience
        while poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            chunk = os.read(self.reader, 65536)
            received += chunk
            steps, _, answer = received.partition(_RESULT)
            *complete, rest = steps.split(b"\n")
            if complete:
                self.step = complete[-1].decode()
            if not chunk:
                return answer
            received = received[len(steps) - len(rest) :]
            deadline = time.monotonic() + patience
        raise TimeoutError


def _be_child(action: "Callable[[Beat], int]", writer: int) -> None:
    """Act, tell the parent, end. Never returns."""
    try:
        # In a process group with what it starts, so that all of it can be killed. Without the parent's output: whoever
        # reads that to its end (HTCondor's starter does) would wait for a child that hangs.
        _make_group(0)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)

        def beat(step: str) -> None:
            os.write(writer, step.encode() + b"\n")  # ends the child, by an error, if nobody listens any more

        status, message, details, trace, result = 0, "", ("", 0, ""), "", 0
        try:
            result = action(beat)
        except StageError as error:
            status, message, details = error.status, str(error), (error.check, error.code, error.detail)
        except Exception as error:
            import traceback

            status, message, trace = BugError.status, str(bug(error)), traceback.format_exc()
        answer = _RESULT + marshal.dumps((status, message, details, trace, result))
        while answer:
            answer = answer[os.write(writer, answer) :]
    finally:
        os._exit(0)


def _make_group(pid: int) -> None:
    """Make the child a process group, in parent and child: each may be the first to need it."""
    try:
        os.setpgid(pid, pid)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended


def _kill(group: int) -> None:
    try:
        os.killpg(group, 9)  # SIGKILL: the module signal takes half as long as the interpreter's own start
    except ProcessLookupError:
        pass  # it has ended
