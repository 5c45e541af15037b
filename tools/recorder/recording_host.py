"""A host that notes what it is asked, and what it answers. So what to record is what the generator looks at."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.host import Host

_ERRORS = {os.strerror(code): name for code, name in errno.errorcode.items()}


@dataclass
class Recording:
    """What a host was asked, and answered. Paths are the host's."""

    contents: dict[str, str] = field(default_factory=dict)  # files that were read
    present: set[str] = field(default_factory=set)  # what was only looked for, and is there
    listings: dict[str, list[str]] = field(default_factory=dict)  # the names in directories
    found: set[str] = field(default_factory=set)  # programs, run or not
    answers: list[tuple[tuple[str, ...], Answer]] = field(default_factory=list)  # what was run, by absolute path
    sockets: dict[str, str] = field(default_factory=dict)  # "ok" or the name of the errno
    modes: dict[str, int] = field(default_factory=dict)  # permissions, by path
    kvm: str = "ok"  # what /dev/kvm answers: "ok" or the name of the errno


class RecordingHost(Host):
    """The real host; another one answers, so that what this one is asked can be told apart."""

    def __init__(self, root: Path = Path("/")) -> None:
        super().__init__(root)
        self.recording = Recording()
        self._real = Host(root)

    def path(self, path: str) -> Path:
        """Return where a file is. Who asks for that opens the file himself, as the reader of the policy does."""
        place = self._real.path(path)
        if place.is_file():
            self.text(path)
        return place

    def text(self, path: str) -> str | None:
        text = self._real.text(path)
        if text is not None:
            self.recording.contents[path] = text
        return text

    def names(self, path: str) -> list[str]:
        names = self._real.names(path)
        if names or self._real.exists(path):
            self.recording.listings[path] = names
        return names

    def is_directory(self, path: str) -> bool:
        return self._noted(path, self._real.is_directory(path))

    def exists(self, path: str) -> bool:
        return self._noted(path, self._real.exists(path))

    def permissions(self, path: str) -> int | None:
        mode = self._real.permissions(path)
        if mode is not None:
            self.recording.modes[path] = mode
        return mode

    def _noted(self, path: str, there: bool) -> bool:
        if there:
            self.recording.present.add(path)
        return there

    def program(self, name: str) -> str:
        path = self._real.program(name)
        if path:
            self.recording.found.add(path)
        return path

    def start(
        self,
        *command: str,
        timeout: float | None = None,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        given: str = "",
    ) -> Callable[[], Answer]:
        path = self.program(command[0])
        wait = self._real.start(*command, timeout=timeout, user=user, environment=environment, given=given)

        def answer() -> Answer:
            said = wait()
            if path:
                self.recording.answers.append(((path, *command[1:]), said))
            return said

        return answer

    def refusal(self, path: str) -> str:
        refusal = self._real.refusal(path)
        self.recording.sockets[path] = _ERRORS.get(refusal, "ETIMEDOUT") if refusal else "ok"
        return refusal

    def device(self, path: str) -> int:
        return self._asked(lambda: self._real.device(path))

    def ioctl(self, descriptor: int, request: int) -> int:
        return self._asked(lambda: self._real.ioctl(descriptor, request))

    def is_real_directory(self, path: str) -> bool:
        """Return whether there is a directory at path, without a note of the question."""
        return self._real.path(path).is_dir()

    def _asked(self, ask: Callable[[], int]) -> int:
        try:
            return ask()
        except OSError as error:
            self.recording.kvm = errno.errorcode.get(error.errno or 0, "EIO")
            raise
