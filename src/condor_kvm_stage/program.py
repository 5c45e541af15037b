"""How the plug-in, the builder and the generator end."""

import posix
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def end(status: int, program: str, unwritten: int) -> "NoReturn":
    """End the process, with the exit status `unwritten` and a message where its output cannot be written.

    Without tidying up the interpreter first: that takes 3 of the plug-in's 22 ms, and 20 of the generator's 160.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:  # None if it was closed when the program began
                stream.flush()
        except OSError as error:
            status = unwritten
            try:
                posix.write(2, f"{program}: cannot write the output: {error.strerror}\n".encode())
            except OSError:
                pass  # that is what could not be written
    posix._exit(status)
