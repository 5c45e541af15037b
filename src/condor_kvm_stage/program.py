"""End a program: flush its output, report what cannot be written, and exit quickly."""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def end(status: int, program: str, unwritten: int) -> "NoReturn":
    """Exit with `status`, or with `unwritten` and a message if the output cannot be written.

    Skips the interpreter's cleanup, which takes 3 of the plug-in's 22 ms, and 20 of the generator's 160.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:  # None if it was closed when the program started
                stream.flush()
        except OSError as error:
            status = unwritten
            try:
                posix.write(2, f"{program}: cannot write the output: {error.strerror}\n".encode())
            except OSError:
                pass  # stderr is what could not be written
    posix._exit(status)
