"""The progress of a job, with times: its guest's console and its event log are polled every 10 ms."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from testnode.run import TestNodeError

_INTERVAL = 0.01  # seconds


@dataclass(frozen=True)
class Sign:
    """A text that will appear in a file."""

    path: Path
    text: str  # "" for any content

    def appeared(self) -> bool:
        """Return whether the text is there."""
        content = _content(self.path)
        return bool(content) and self.text in content

    def size(self) -> int:
        """Return the file's size, in bytes, 0 if there is none."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


@dataclass(frozen=True)
class Job:
    """A job that was submitted. The paths are those on this machine."""

    name: str
    submitted: float  # when, by time.monotonic()
    directory: Path
    console: Path

    @property
    def speaks(self) -> Sign:
        """Its guest's first byte."""
        return Sign(self.console, "")

    @property
    def powers_off(self) -> Sign:
        """Its guest's last line."""
        return Sign(self.console, "powering off")

    @property
    def noticed(self) -> Sign:
        """HTCondor has noticed that: it starts transferring the output, or queues for it."""
        return Sign(self._log, " output files\n")

    @property
    def completed(self) -> Sign:
        """Its last event."""
        return Sign(self._log, "\n005 (")

    @property
    def events(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def _log(self) -> Path:
        return self.directory / "job.log"


class Watch:
    """Watches for signs, in a thread, until the context ends. seen: when each appeared, by time.monotonic()."""

    def __init__(self) -> None:
        self.seen: dict[Sign, float] = {}
        self._awaited: list[Sign] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def add(self, signs: Collection[Sign]) -> None:
        """Also watch for these from now on."""
        self._awaited = [*self._awaited, *signs]

    def each(self, signs: Collection[Sign], timeout: float) -> Iterator[Sign]:
        """Yield each of these signs, which were added before, once it has appeared. Raises TestNodeError on timeout."""
        left, deadline = set(signs), time.monotonic() + timeout
        while left:
            for sign in [sign for sign in left if sign in self.seen]:
                left.remove(sign)
                yield sign
            if left and time.monotonic() > deadline:
                missing = next(iter(left))
                raise TestNodeError(f"timed out after {timeout:.0f} s: {missing}\n{_content(missing.path)}")
            time.sleep(_INTERVAL)

    def _look(self) -> None:
        sizes: dict[Sign, int] = {}
        while not self._ended.wait(_INTERVAL):
            for sign in [sign for sign in self._awaited if sign not in self.seen]:
                size = sign.size()
                if size != sizes.get(sign, 0):  # reading all of them each time would take a tenth of a processor
                    sizes[sign] = size
                    if sign.appeared():
                        self.seen[sign] = time.monotonic()


def scratch_directory(events: str) -> str:
    """Return a running job's scratch directory, from its event log. Its parent is named by the starter's pid."""
    (found,) = re.findall(r'^\tCondorScratchDir = "(.*)"$', events, re.MULTILINE)
    return str(found)


def ended_well(events: str) -> bool:
    """Return whether, according to its event log, a job ran once and succeeded."""
    return events.count("\n001 (") == 1 and "\t(1) Normal termination (return value 0)\n" in events


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
