"""Access to a host: its files under a root, its programs, devices and sockets. Tests use a recorded host instead.

This module only queries; the callers interpret the answers.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .answer import LATE, NO_STATUS, Answer
from .errors import KvmStageError, root_hint

_PATH = ("usr/sbin", "usr/bin", "sbin", "bin")
_SEARCH_PATH = ":".join(f"/{directory}" for directory in _PATH)
PATIENCE = 20.0  # seconds that a program has to answer, if nothing else is said: a busy node is slow


class FactsError(KvmStageError):
    """A required fact could not be read."""


class Host:
    """The host whose file system is at root."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.patience = PATIENCE
        self.deadline: float | None = None  # of time.monotonic(), for all programs together; None for no limit
        self.running: list[str] = []  # names of the programs that are waited for

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
        """Return the sorted names in a directory; none if it does not exist or cannot be listed."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []

    def is_directory(self, path: str) -> bool:
        """Return whether there is a directory at path. Raises FactsError if this user may not look there."""
        try:
            return stat.S_ISDIR(self.path(path).stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _unknown(f"look at {path}", error) from error

    def exists(self, path: str) -> bool:
        """Return whether there is anything at path."""
        return os.path.lexists(self.path(path))

    def group(self, path: str) -> int | None:
        """Return the id of a file's group, None if there is none."""
        try:
            return self.path(path).stat().st_gid
        except OSError:
            return None

    def permissions(self, path: str) -> int | None:
        """Return the permission bits of what is at path; None if there is nothing, or this user may not look there."""
        try:
            return stat.S_IMODE(self.path(path).stat().st_mode)
        except OSError:
            return None

    def program(self, name: str) -> str:
        """Return the absolute path of a program that can be run, given its name or path; "" if there is none."""
        paths = [name.lstrip("/")] if name.startswith("/") else [f"{directory}/{name}" for directory in _PATH]
        for path in paths:
            if os.path.isfile(self.path(path)) and os.access(self.path(path), os.X_OK):
                return "/" + path
        return ""

    def is_root(self) -> bool:
        """Return whether this process runs as root."""
        return os.geteuid() == 0

    def job_user(self) -> str:
        """Return the user to try things as, in place of a job's user: condor, else nobody; "" unless this is root."""
        if self.is_root():
            for name in ("condor", "nobody"):
                with contextlib.suppress(KeyError):
                    return pwd.getpwnam(name).pw_name
        return ""

    def run(
        self, *command: str, timeout: float | None = None, user: str = "", environment: Mapping[str, str] | None = None
    ) -> Answer:
        """Run a program without input, in the C locale, for at most timeout seconds (None: patience).

        user: to run it as, if root.
        """
        return self.start(*command, timeout=timeout, user=user, environment=environment)()

    def start(
        self,
        *command: str,
        timeout: float | None = None,
        user: str = "",
        environment: Mapping[str, str] | None = None,
        given: str = "",
    ) -> Callable[[], Answer]:
        """Start a program, like run(). Returns a function that waits for the answer; the timeout starts at its call.

        given: its input, less than a pipe holds.
        """
        program = self.program(command[0])
        if not program:
            there = command[0].startswith("/") and self.exists(command[0])
            fault = f"{command[0]} is not executable" if there else f"no program {command[0]}"
            return lambda: Answer(NO_STATUS, fault=fault)
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
                env={"PATH": _SEARCH_PATH, "LC_ALL": "C.UTF-8", **(environment or {})},
                **switch,
            )
        except OSError as error:
            failed = Answer(NO_STATUS, fault=f"cannot run {command[0]}: {error.strerror}")
            return lambda: failed
        finally:
            if given:
                os.close(stdin)

        self.running.append(os.path.basename(command[0]))

        def answer() -> Answer:
            seconds = self.left(timeout)
            try:
                output, errors = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                # Killed, but not waited for: a process that waits for a share that does not answer may not end
                process.kill()
                # others have used up the time of all together
                limit = f"{seconds:.0f} s" if seconds >= 1 else "the time that was left for it"
                return Answer(NO_STATUS, fault=f"{command[0]}{LATE}{limit}")
            finally:
                self.running.remove(os.path.basename(command[0]))
            return Answer(max(process.returncode, NO_STATUS), output, errors)

        return answer

    def left(self, timeout: float | None = None) -> float:
        """Return the seconds for which to wait: the timeout, or patience; no longer than to the deadline."""
        seconds = self.patience if timeout is None else timeout
        # After the deadline a minimum with which a program times out at once
        return seconds if self.deadline is None else max(0.1, min(seconds, self.deadline - time.monotonic()))

    def refusal(self, path: str) -> str:
        """Return why no daemon answers at a UNIX socket, "" if one does. The file may outlive its daemon."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self.left())
            try:
                connection.connect(str(self.path(path)))
            except OSError as error:
                return error.strerror or str(error)
        return ""

    def device(self, path: str) -> int:
        """Open a device for reading and writing. Returns its descriptor; raises OSError."""
        return os.open(self.path(path), os.O_RDWR | os.O_CLOEXEC)

    def ioctl(self, descriptor: int, request: int) -> int:
        """Call ioctl(2) on an open device, without an argument. Raises OSError."""
        return int(fcntl.ioctl(descriptor, request, 0))


def _input(text: str) -> int:
    """Return the read end of a pipe that holds a text and is closed after it."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    return reader


def _unknown(doing: str, error: OSError) -> FactsError:
    return FactsError(f"cannot {doing}: {error.strerror}{root_hint(error)}")
