"""Show on a terminal what is waited for, if it takes more than two seconds."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from typing import TextIO

from ..host import Host

_AFTER = 2.0  # seconds
_EVERY = 1.0
_CLEAR = "\r\033[K"


class Progress:
    """A line at the bottom of a terminal."""

    def __init__(self, host: Host, stream: TextIO) -> None:
        self._host, self._stream = host, stream
        self._ended, self._lock, self._since = threading.Event(), threading.Lock(), time.monotonic()
        self._is_shown = False

    def clear(self) -> None:
        """Remove the line, before something else is printed."""
        with self._lock:
            if self._is_shown:
                self._stream.write(_CLEAR)
                self._stream.flush()
                self._is_shown = False

    def run(self) -> None:
        """Show the line until end() is called."""
        wait = _AFTER
        while not self._ended.wait(wait):
            wait = _EVERY
            seconds = time.monotonic() - self._since
            names = ", ".join(sorted(set(self._host.running))) or "HTCondor"
            text = f"{seconds:.0f} s: waiting for {names}"[: shutil.get_terminal_size().columns - 1]
            with self._lock:
                self._stream.write(f"{_CLEAR}{text}")
                self._stream.flush()
                self._is_shown = True

    def end(self) -> None:
        self._ended.set()


@contextlib.contextmanager
def showing(host: Host, stream: TextIO) -> Iterator[Progress]:
    """Show progress in this context, if the stream is a terminal."""
    progress = Progress(host, stream)
    thread = threading.Thread(target=progress.run, daemon=True)
    if stream.isatty():
        thread.start()
    try:
        yield progress
    finally:
        progress.end()
        if thread.is_alive():
            thread.join()
        progress.clear()
