"""Run a command on this machine: an argument list, a timeout, no stdin. Its error contains the command's output."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_STARTED = time.monotonic()
_patience = 1.0


class TestNodeError(Exception):
    """The test node, or a command on it, failed. The message says what to do about it."""


class CommandError(TestNodeError):
    """A command failed or did not end in time. Its output is in the message."""


def be_patient(times: float) -> None:
    """Wait so many times as long, whatever for, before it is given up: the machine has other work, too."""
    global _patience
    _patience = times


def allowed(seconds: float) -> float:
    """Return how long to wait for what takes so many seconds at most on a machine without other work."""
    return seconds * _patience


def run(
    command: Sequence[str | Path], *, timeout: float = 60, check: bool = True, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, wait for at most allowed(timeout) seconds. Raises CommandError, on a failure only if check."""
    shown, timeout = " ".join(str(word) for word in command), allowed(timeout)
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        )
    except FileNotFoundError as error:
        raise CommandError(f"{shown}: {error.strerror}; run: tools/require-packages node") from error
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{shown}: timed out after {timeout:.0f} s") from error
    if check and result.returncode != 0:
        raise CommandError(f"{shown}: exit status {result.returncode}\n{result.stdout}{result.stderr}".rstrip())
    return result


def progress(text: str) -> None:
    """Print progress on stderr, with the seconds since the program started."""
    print(f"==> [{time.monotonic() - _STARTED:4.0f} s] {text}", file=sys.stderr, flush=True)
