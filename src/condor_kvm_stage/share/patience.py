"""Wait twice as long for a share that answers, but lets a request to open or to lock a file wait.

A server that has just been started does that to all clients during its grace period (RFC 8881, section 8.4.2.1): 90 s
on Linux, which is longer than what a share may be silent by default.
"""

import _thread
import posix

from .child import WAITING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, TypeVar

    from .child import Heartbeat

    T = TypeVar("T")

_LOOKS = 4  # within the time in which a share must answer


def granted(request: "Callable[[], T]", path: str, seconds: float, heartbeat: "Heartbeat") -> "T":
    """Return request()'s result, or raise its exception. It opens or locks a file at a path, and may hang.

    seconds: in which a share must answer. Meanwhile a thread asks whether it does, and each answer is progress.
    """
    done = _thread.allocate_lock()
    done.acquire()

    def ask() -> None:
        for _ in range(_LOOKS):
            if done.acquire(timeout=seconds / _LOOKS):
                return
            try:
                posix.statvfs(path)  # for which the server is always asked
            except OSError:
                return  # what is wrong with it the request will tell
            heartbeat(WAITING)

    try:
        _thread.start_new_thread(ask, ())
    except RuntimeError:
        pass  # the user has no more threads: then it is not known whether the share answers
    try:
        return request()
    finally:
        done.release()
