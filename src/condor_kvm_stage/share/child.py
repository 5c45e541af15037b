"""The process that carries out requests: what supervise.py starts, listens to, and gives up."""

import fcntl
import marshal
import posix

from ..failures import StageError, bug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    # Called with the name of the step that is under way, as often as it makes progress
    Beat = Callable[[str], None]
    # Called with a request's values and a beat; returns what marshal knows
    Action = Callable[..., Any]

LENGTH = 4  # bytes before each message


def serve(prepare: "Callable[[], tuple[Action, float]]", requests: int, answers: int) -> None:
    """Carry out requests until nobody asks any more, or listens. Never returns.

    prepare: see supervise.Worker. requests, answers: descriptors of pipes. A request is a tuple, in marshal's form. So
    is a message, after LENGTH bytes with its length: ("patience", seconds); ("step", name); at the end of a request
    ("done", result) or ("failed", exit status, traceback or "", text, server, check, errno, another program's words).
    """
    try:
        # In a process group with what it starts, so that all of it can be killed. Without the parent's output: whoever
        # reads that to its end (HTCondor's starter does) would wait for a child that hangs.
        make_group(0)
        # What was closed when the plug-in began may be a pipe now.
        requests, answers = (fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, 3) for pipe in (requests, answers))
        null = posix.open("/dev/null", posix.O_RDWR)
        for descriptor in (0, 1, 2):
            posix.dup2(null, descriptor)

        def tell(*message: "Any") -> None:
            data = marshal.dumps(message)
            data = len(data).to_bytes(LENGTH, "big") + data
            while data:
                data = data[posix.write(answers, data) :]  # ends this process, by an error, if nobody listens any more

        def beat(step: str) -> None:
            tell("step", step)

        action = _prepared(prepare, tell)
        with open(requests, "rb") as asked:
            while True:
                request = marshal.load(asked)  # EOFError ends this process, too
                tell(*_answer(action, request, beat))
    finally:
        posix._exit(0)


def _prepared(prepare: "Callable[[], tuple[Action, float]]", tell: "Callable[..., None]") -> "Action":
    try:
        action, patience = prepare()
    except Exception as error:
        failure = error

        def fail(*request: "Any") -> int:
            raise failure

        return fail
    tell("patience", patience)
    return action


def _answer(action: "Action", request: "tuple[Any, ...]", beat: "Beat") -> "tuple[Any, ...]":
    try:
        return ("done", action(*request, beat))
    except StageError as error:
        failure, trace = error, ""
    except Exception as error:
        import traceback

        failure, trace = bug(error), traceback.format_exc()
    return ("failed", failure.status, trace, str(failure), failure.server, failure.check, failure.code, failure.detail)


def make_group(pid: int) -> None:
    """Make the child a process group, in parent and child: each may be the first to need it."""
    try:
        posix.setpgid(pid, pid)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended
