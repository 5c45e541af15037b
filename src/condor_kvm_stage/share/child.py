"""The child process that carries out requests; watchdog.py starts it, and abandons it if it hangs."""

import fcntl
import marshal
import posix

from ..failures import Failure, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    # Called with the name of the current step, each time that it makes progress
    Heartbeat = Callable[[str], None]
    # Called with a request's values and a heartbeat; returns a value that marshal supports
    Action = Callable[..., Any]
    # Returns the action and the timeout in seconds
    Prepare = Callable[[], tuple[Action, float]]

LENGTH = 4  # bytes before each message
WAITING = "wait"  # the step in which a share answers, and a request waits; the watchdog has a message of its own for it


def serve(prepare: "Prepare", program: str, requests: int, answers: int) -> None:
    """Serve requests until the pipe closes. Never returns.

    prepare, program: see watchdog.Watchdog. requests, answers: descriptors of pipes. A request is a tuple, in marshal's
    format. So is a message, after LENGTH bytes with its length: ("timeout", seconds); ("step", name), the heartbeat; at
    the end of a request ("done", result) or ("failed", exit status, traceback or "", message, check, errno, output of
    another program).
    """
    try:
        # In a process group with what it starts, so that all of it can be killed. Without the parent's output: a
        # program that reads that until it is closed (HTCondor's starter does) would wait for a child that hangs.
        make_group(0)
        # If a standard stream was closed when the program started, a pipe may have its number.
        requests, answers = (fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, 3) for pipe in (requests, answers))
        null = posix.open("/dev/null", posix.O_RDWR)
        for descriptor in (0, 1, 2):
            posix.dup2(null, descriptor)

        def send(*message: "Any") -> None:
            data = marshal.dumps(message)
            data = len(data).to_bytes(LENGTH, "big") + data
            while data:
                data = data[posix.write(answers, data) :]  # fails, and so ends this process, if the parent is gone

        def heartbeat(step: str) -> None:
            send("step", step)

        action = _prepared(prepare, send)
        with open(requests, "rb") as stream:
            while True:
                request = marshal.load(stream)  # EOFError ends this process, too
                send(*_answer(action, request, heartbeat, program))
    finally:
        posix._exit(0)


def _prepared(prepare: "Prepare", send: "Callable[..., None]") -> "Action":
    try:
        action, timeout = prepare()
    except Exception as error:
        failure = error

        def fail(*request: "Any") -> int:
            raise failure

        return fail
    send("timeout", timeout)
    return action


def _answer(action: "Action", request: "tuple[Any, ...]", heartbeat: "Heartbeat", program: str) -> "tuple[Any, ...]":
    try:
        return ("done", action(*request, heartbeat))
    except Failure as error:
        failure, trace = error, ""
    except Exception as error:
        import traceback

        failure, trace = bug(error, program), traceback.format_exc()
    return ("failed", failure.status, trace, str(failure), failure.check, failure.code, failure.detail)


def make_group(pid: int) -> None:
    """Make the child a process group. Called in parent and child: either may be the first to need it."""
    try:
        posix.setpgid(pid, pid)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended
