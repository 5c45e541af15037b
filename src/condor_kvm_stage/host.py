"""The way to a host: its files under a root, its programs, devices and sockets. A test replaces it by a recorded one.

Only asks; what the answers mean is the matter of the modules that ask.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import KvmStageError, root_hint

_PATH = ("usr/sbin", "usr/bin", "sbin", "bin")


class FactsError(KvmStageError):
    """A fact without which nothing can be decided could not be had."""


@dataclass(frozen=True)
class Answer:
    """What a program said: its exit status, output and errors. fault: why there is none of that, "" if there is.

    status is -1 with a fault, and for a program that a signal ended.
    """

    status: int
    output: str = ""
    errors: str = ""
    fault: str = ""

    @property
    def reason(self) -> str:
        """Why it did not succeed, on one line: the fault, or the last line that it said."""
        lines = (self.errors or self.output).strip().splitlines()
        return self.fault or (lines[-1] if lines else f"exit status {self.status}")


class Host:
    """The host whose file system is at root."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, path: str) -> Path:
        """Return where a file of the host is, given its absolute path there."""
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str | None:
        """Return a file's text, None if there is none. Raises FactsError if it cannot be read."""
        try:
            return self.path(path).read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):  # the last: /proc/<pid> of one that ends
            return None
        except OSError as error:
            raise _unknown(f"read {path}", error) from error

    def names(self, path: str) -> list[str]:
        """Return the names in a directory, sorted; none if it is not there or may not be listed."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []

    def is_directory(self, path: str) -> bool:
        """Return whether there is a directory at path. Raises FactsError if this user may not know."""
        try:
            return stat.S_ISDIR(self.path(path).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _unknown(f"look at {path}", error) from error

    def exists(self, path: str) -> bool:
        """Return whether there is anything at path."""
        return os.path.lexists(self.path(path))

    def program(self, name: str) -> str:
        """Return the absolute path of a program that can be run, given its name or path; "" if there is none."""
        places = [name.lstrip("/")] if name.startswith("/") else [f"{directory}/{name}" for directory in _PATH]
        for place in places:
            if os.path.isfile(self.path(place)) and os.access(self.path(place), os.X_OK):
                return "/" + place
        return ""

    def is_root(self) -> bool:
        """Return whether what is asked here is asked as root."""
        return os.geteuid() == 0

    def job_user(self) -> str:
        """Return the user that stands for any user of jobs: condor, else nobody; "" if this user cannot be another."""
        if self.is_root():
            for name in ("condor", "nobody"):
                with contextlib.suppress(KeyError):
                    return pwd.getpwnam(name).pw_name
        return ""

    def run(
        self, *command: str, timeout: float = 5, user: str = "", environment: Mapping[str, str] | None = None
    ) -> Answer:
        """Run a program with no input, in the C locale, for at most timeout seconds. user: as whom, for root only."""
        return self.start(*command, timeout=timeout, user=user, environment=environment)()

    def start(
        self,
        *command: str,
        timeout: float = 5,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        given: str = "",
    ) -> Callable[[], Answer]:
        """Start a program, as run() does. Returns what waits for its answer; the timeout counts from then on.

        given: its input, less than a pipe holds.
        """
        program = self.program(command[0])
        if not program:
            return lambda: Answer(-1, fault=f"no program {command[0]}")
        switch: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
        stdin = _input(given) if given else subprocess.DEVNULL
        try:
            process = subprocess.Popen(
                [self.path(program), *command[1:]],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                cwd="/",
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **(environment or {})},
                **switch,
            )
        except OSError as error:
            failed = Answer(-1, fault=f"cannot run {command[0]}: {error.strerror}")
            return lambda: failed
        finally:
            if given:
                os.close(stdin)

        def answer() -> Answer:
            try:
                output, errors = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                # Killed, but not waited for: what waits for a share that does not answer may not end
                process.kill()
                return Answer(-1, fault=f"{command[0]} did not end within {timeout:.0f} s")
            return Answer(max(process.returncode, -1), output, errors)

        return answer

    def refusal(self, path: str) -> str:
        """Return why nobody answers at a UNIX socket, "" if somebody does. The file alone may be a dead daemon's."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.path(path)))
            except OSError as error:
                return error.strerror or str(error)
        return ""

    def device(self, path: str) -> int:
        """Open a device for reading and writing. Returns its descriptor; raises OSError."""
        return os.open(self.path(path), os.O_RDWR | os.O_CLOEXEC)

    def ioctl(self, descriptor: int, request: int) -> int:
        """Ask an open device, without an argument. Raises OSError."""
        return int(fcntl.ioctl(descriptor, request, 0))


def _input(text: str) -> int:
    """Return the reading end of a pipe that holds a text, and ends with it."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    return reader


def _unknown(doing: str, error: OSError) -> FactsError:
    return FactsError(f"cannot {doing}: {error.strerror}{root_hint(error)}")
