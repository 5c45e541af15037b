"""Set an attribute in the job's ad through its starter, by HTCondor's Chirp protocol (like condor_chirp).

Delayed updates need no setting in the job, but take minutes to reach its queue. A job that sets WantRemoteUpdates has
them there at once. HTCondor accepts names that begin with Chirp, expressions of at most 993 bytes, and commands of at
most 1024 (src/condor_starter.V6.1/io_proxy_handler.cpp).
"""

from __future__ import annotations

import os
import time

from . import scratch_files
from .text import to_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

_TIMEOUT = 60  # seconds in all; the starter sleeps for 30 after starting a guest
_LONGEST_CONFIG = 1024  # bytes
_LONGEST_ANSWER = 64  # bytes of a line: a number
_COMMANDS = ("set_job_attr", "set_job_attr_delayed")  # the first that is accepted is enough
_LONGEST = 950  # bytes of an expression, including the backslashes before blanks


def config_of(scratch: str) -> str:
    """Return the path of the file in which the starter says how to reach it. scratch: the job's scratch directory."""
    return os.environ.get("_CONDOR_CHIRP_CONFIG", f"{scratch}/.chirp.config")


def last_lines(text: bytes) -> str:
    """Return the last lines of a text as a ClassAd string, separated by bars."""
    lines = [
        "".join(c if c.isprintable() and c not in '"\\' else "?" for c in to_text(line.strip(b"\r\n\t ")))
        for line in text.replace(b"\r", b"\n").split(b"\n")
    ]
    shown = ""
    for line in reversed([line for line in lines if line]):
        longer = f"{line} | {shown}" if shown else line
        while not shown and not _fits(longer):  # if even the last line is too long, use its end
            longer = longer[len(longer) // 8 + 1 :]
        if not _fits(longer):
            break
        shown = longer
    return f'"{shown}"'


def _fits(text: str) -> bool:
    return len(_word(f'"{text}"').encode("utf-8", "replace")) <= _LONGEST


def set_attribute(config: str, name: str, expression: str) -> bool:
    """Set an attribute of the job. config: the file that says how to reach the starter.

    Returns whether HTCondor accepted it; a site may have disabled Chirp. The job, and its guest if it has the job's
    files, can replace the file, and so who answers.
    """
    import socket  # not needed by the builder, which a job waits for

    deadline = time.monotonic() + _TIMEOUT
    words = f"{name} {_word(expression)}"
    try:
        host, port, cookie = scratch_files.read(config, _LONGEST_CONFIG).decode("ascii").split()
        with socket.create_connection((host, int(port)), _TIMEOUT) as connection:
            return _is_accepted(connection, f"cookie {cookie}", deadline) and any(
                _is_accepted(connection, f"{command} {words}", deadline) for command in _COMMANDS
            )
    except (OSError, ValueError):
        return False


def _is_accepted(connection: socket.socket, command: str, deadline: float) -> bool:
    """Say a command. Raises OSError or ValueError if there is no answer in time."""
    connection.settimeout(deadline - time.monotonic())  # ValueError if that is negative
    connection.sendall(command.encode("utf-8", "replace") + b"\n")
    answer = b""
    while not answer.endswith(b"\n"):
        connection.settimeout(deadline - time.monotonic())
        data = connection.recv(_LONGEST_ANSWER)
        answer += data
        if not data or len(answer) > _LONGEST_ANSWER:
            raise OSError("there is no answer")
    return answer.strip().isdigit()  # a negative number is an error


def _word(text: str) -> str:
    return "".join("\\" + c if c in " \t\n\r\\" else c for c in text)
