"""A program's operations on a share, from the output of strace: `strace -ff --decode-fds=path --string-limit=0`.

With -ff each thread has its own file, so that every call is one line. Data that is read or written is not shown, so a
string in a line is a path argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

COMMAND = ["strace", "-ff", "--decode-fds=path", "--string-limit=0"]

_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>.+)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"\b(?:\d+|AT_FDCWD)<([^>]*)>")
# Which of a call's descriptors it reads from. Reads through mmap() are not seen.
_READ_FROM = {
    **dict.fromkeys(("read", "pread64", "readv", "preadv", "preadv2", "copy_file_range", "splice"), 0),
    "sendfile": 1,
}


@dataclass(frozen=True)
class Load:
    """The load of a share: system calls on it, by path or by descriptor, and data read from it."""

    calls: int
    read: int  # bytes


def load(lines: Iterable[str], share: str) -> Load:
    """Return the operations on the share that is mounted on a directory, from these lines.

    All calls count: open, stat, read, seek, lock, close; also those that fail.
    """
    calls = read = 0
    for line in lines:
        match = _CALL.match(line)
        if not match:
            continue  # a signal, the end of the process, or a call that did not return
        name, arguments = match["name"], match["arguments"]
        descriptors = _DESCRIPTOR.findall(_STRING.sub('""', arguments))
        if not any(_is_on(share, path) for path in (*descriptors, *_STRING.findall(arguments))):
            continue
        calls += 1
        if name in _READ_FROM and _is_on(share, descriptors[_READ_FROM[name]]) and match["result"].isdigit():
            read += int(match["result"])
    return Load(calls, read)


def _is_on(share: str, path: str) -> bool:
    return path == share or path.startswith(f"{share}/")
