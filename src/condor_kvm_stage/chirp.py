"""Set an attribute in the job's ad through its starter, by HTCondor's Chirp protocol (like condor_chirp).

Delayed updates need no setting in the job. HTCondor accepts names that begin with Chirp, expressions of at most 993
bytes, and commands of at most 1024 (src/condor_starter.V6.1/io_proxy_handler.cpp).
"""

from __future__ import annotations

import os

from .text import to_text

_TIMEOUT = 60  # seconds; the starter sleeps for 30 after starting a guest
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
    """Set an attribute of the job; HTCondor updates its ad later. config: the file that says how to reach the starter.

    Returns whether HTCondor accepted it; a site may have disabled Chirp.
    """
    import socket  # not needed by the builder, which a job waits for

    try:
        with open(config, encoding="ascii") as file:
            host, port, cookie = file.read().split()
        with socket.create_connection((host, int(port)), _TIMEOUT) as connection, connection.makefile("rwb") as stream:
            for command in (f"cookie {cookie}", f"set_job_attr_delayed {name} {_word(expression)}"):
                stream.write(command.encode("utf-8", "replace") + b"\n")
                stream.flush()
                if not stream.readline().strip().isdigit():  # a negative number is an error
                    return False
        return True
    except (OSError, ValueError):
        return False


def _word(text: str) -> str:
    return "".join("\\" + c if c in " \t\n\r\\" else c for c in text)
