"""What a program did on a share, from what strace writes: `strace -ff --decode-fds=path --string-limit=0`.

With -ff each thread has a file of its own, so that every call is one line. What is read or written is not shown, so a
string in a line is a path that the call is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

COMMAND = ["strace", "-ff", "--decode-fds=path", "--string-limit=0"]

_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>.+)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"\b(?:\d+|AT_FDCWD)<([^>]*)>")
# Which descriptor such a call reads from, of those among its arguments. What is read through mmap() is not seen.
_READ_FROM = {
    **dict.fromkeys(("read", "pread64", "readv", "preadv", "preadv2", "copy_file_range", "splice"), 0),
    "sendfile": 1,
}


@dataclass(frozen=True)
class Load:
    """What a share had to do: system calls that name it, by a path or by a descriptor, and bytes read from it."""

    calls: int
    read: int


def load(lines: Iterable[str], share: str) -> Load:
    """Return what the calls in these lines did on the share that is mounted on a directory.

    Opening counts, and so do looking, reading, seeking, locking, closing; calls that fail, too.
    """
    calls = read = 0
    for line in lines:
        match = _CALL.match(line)
        if not match:
            continue  # a signal, the end of the process, a call that had none
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
