"""A way to this host that notes what the generator asks of it: so no list of what to record has to be kept in step."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from condor_kvm_stage.host import Answer, Host

# A recorded program's answer fits these words of its command line, of which the first that is there is its `when`
_WORDS = ("--version", "is-enabled", "-classad", "-t", "-json", "-macro", "dumpxml", "list", "-S")


class RecordingHost(Host):
    """This host. Writes the files that are read to `folder`; what is asked otherwise is in `record`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.programs: dict[str, None] = {}
        self.sockets: dict[str, str] = {}
        self.answers: list[dict[str, Any]] = []
        self.kvm = "ok"

    def record(self, about: str) -> dict[str, Any]:
        """Return what is not a file, as host.toml holds it."""
        answered = {answer["path"] for answer in self.answers}
        return {
            "about": about,
            "machine": os.uname().machine,
            "kvm": self.kvm,
            "root": self.is_root(),
            "installed": [path for path in self.programs if path not in answered],
            "sockets": self.sockets,
            "programs": self.answers,
        }

    def text(self, path: str) -> str | None:
        found = super().text(path)
        if found is not None:
            self._write(path, found)
        return found

    def names(self, path: str) -> list[str]:
        found = super().names(path)
        # The processes of a host are nobody's business; what the generator reads of them is recorded by text()
        for name in found if path != "/proc" else []:
            self._keep(f"{path}/{name}")
        return found

    def is_directory(self, path: str) -> bool:
        found = super().is_directory(path)
        if found:
            self._keep(f"{path}/.keep")
        return found

    def exists(self, path: str) -> bool:
        found = super().exists(path)
        if found:
            self._keep(f"{path}/.keep" if self.path(path).is_dir() else path)
        return found

    def program(self, name: str) -> str:
        found = super().program(name)
        if found:
            self.programs[found] = None
        return found

    def start(
        self,
        *command: str,
        timeout: float = 5,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        given: str = "",
    ) -> Callable[[], Answer]:
        waiting = super().start(*command, timeout=timeout, user=user, environment=environment, given=given)

        def answer() -> Answer:
            found = waiting()
            path = super(RecordingHost, self).program(command[0])
            entry: dict[str, Any] = {"path": path}
            words = [word for word in _WORDS if word in command[1:]]
            if words:
                entry["when"] = words[0]
            values = {"output": found.output, "errors": found.errors, "fault": found.fault, "status": found.status}
            entry.update({name: value for name, value in values.items() if value})
            if path and all((known["path"], known.get("when")) != (path, entry.get("when")) for known in self.answers):
                self.answers.append(entry)
            return found

        return answer

    def refusal(self, path: str) -> str:
        found = super().refusal(path)
        codes = [code for code in errno.errorcode if os.strerror(code) == found]
        if found != os.strerror(errno.ENOENT):
            self.sockets[path] = errno.errorcode[codes[0]] if codes else "ok"
        return found

    def device(self, path: str) -> int:
        try:
            return super().device(path)
        except OSError as error:
            self.kvm = errno.errorcode.get(error.errno or 0, "EIO")
            raise

    def _write(self, path: str, text: str) -> None:
        target = self._place_for(path)
        if target.is_dir():
            shutil.rmtree(target)
        target.write_text(text, encoding="utf-8")

    def _keep(self, path: str) -> None:
        """Let a path be there: an empty file, unless its content is recorded too."""
        target = self._place_for(path)
        if not target.exists():
            target.touch()

    def _place_for(self, path: str) -> Path:
        """Return where a file belongs. What was only a name so far becomes the directory that it lies in."""
        target = self.folder / path.lstrip("/")
        for parent in target.parents:
            if parent.is_file():
                parent.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        return target
