"""The child that carries out requests: what watchdog.py starts, listens to, and abandons if it hangs."""

import fcntl
import marshal
import posix

from ..failures import Failure, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    # Called with the name of the step that is under way, as often as it makes progress
    Heartbeat = Callable[[str], None]
    # Called with a request's values and a heartbeat; returns what marshal knows
    Action = Callable[..., Any]
    # Returns the action and the timeout, seconds
    Prepare = Callable[[], tuple[Action, float]]

LENGTH = 4  # bytes before each message


def serve(prepare: "Prepare", program: str, requests: int, answers: int) -> None:
    """Serve requests until the pipe closes. Never returns.

    prepare, program: see watchdog.Watchdog. requests, answers: descriptors of pipes. A request is a tuple, in marshal's
    form. So is a message, after LENGTH bytes with its length: ("timeout", seconds); ("step", name), the heartbeat; at
    the end of a request ("done", result) or ("failed", exit status, traceback or "", text, check, errno, another
    program's words).
    """
    try:
        # In a process group with what it starts, so that all of it can be killed. Without the parent's output: whoever
        # reads that to its end (HTCondor's starter does) would wait for a child that hangs.
        make_group(0)
        # What was closed when the program started may be a pipe now.
        requests, answers = (fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, 3) for pipe in (requests, answers))
        null = posix.open("/dev/null", posix.O_RDWR)
        for descriptor in (0, 1, 2):
            posix.dup2(null, descriptor)

        def tell(*message: "Any") -> None:
            data = marshal.dumps(message)
            data = len(data).to_bytes(LENGTH, "big") + data
            while data:
                data = data[posix.write(answers, data) :]  # ends this process, by an error, if nobody listens any more

        def heartbeat(step: str) -> None:
            tell("step", step)

        action = _prepared(prepare, tell)
        with open(requests, "rb") as asked:
            while True:
                request = marshal.load(asked)  # EOFError ends this process, too
                tell(*_answer(action, request, heartbeat, program))
    finally:
        posix._exit(0)


def _prepared(prepare: "Prepare", tell: "Callable[..., None]") -> "Action":
    try:
        action, timeout = prepare()
    except Exception as error:
        failure = error

        def fail(*request: "Any") -> int:
            raise failure

        return fail
    tell("timeout", timeout)
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
    """Make the child a process group, in parent and child: each may be the first to need it."""
    try:
        posix.setpgid(pid, pid)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended
