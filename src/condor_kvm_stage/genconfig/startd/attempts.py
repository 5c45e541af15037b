"""Which difference the startd was last restarted for, so that it is not restarted again if that did not help."""

from __future__ import annotations

from ... import atomic_file
from ...errors import KvmStageError
from ...host import Host
from ...installed import ATTEMPT


def describe(changes: list[str], circumstances: str) -> str:
    """Return a text that is equal for equal differences in equal circumstances."""
    return "\n".join([*changes, circumstances]) + "\n"


def last(host: Host) -> str:
    """Return what was described at the last restart, "" if that has helped, or there was none since the boot."""
    return host.text(ATTEMPT) or ""


def keep(host: Host, attempt: str) -> None:
    """Remember an attempt. Raises WriteError."""
    host.path(ATTEMPT).parent.mkdir(parents=True, exist_ok=True)
    atomic_file.write(host.path(ATTEMPT), attempt.encode())


def forget(host: Host) -> None:
    """Forget the last attempt, which has helped."""
    try:
        host.path(ATTEMPT).unlink(missing_ok=True)
    except OSError as error:
        raise KvmStageError(f"cannot remove {ATTEMPT}: {error.strerror}") from error
