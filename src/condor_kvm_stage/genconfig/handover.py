"""What the generator leaves to the plug-in, so that it need not look for itself. In /run: the next boot begins anew."""

from __future__ import annotations

from .. import policy_memory, state
from ..errors import root_hint
from ..plugin.classad_writer import write_long
from ..policy import Policy
from . import atomic
from .host import Host


def write(attributes: dict[str, str], policy: Policy, host: Host) -> None:
    """Leave the attributes for the slot ad, and what the policy says of staging. Raises WriteError."""
    directory = host.path(state.PATH).parent
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True)
            directory.chmod(0o755)  # whatever the caller's umask: the plug-in reads it as jobs' users
    except OSError as error:
        raise atomic.WriteError(f"cannot make {directory}: {error.strerror}; run this as root") from error
    atomic.write(host.path(state.PATH), write_long(attributes))
    atomic.write(host.path(policy_memory.PATH), policy_memory.remembered(policy))


def remove(host: Host) -> None:
    """Take back what write() left. Raises WriteError."""
    directory = host.path(state.PATH).parent
    try:
        for path in (state.PATH, policy_memory.PATH):
            host.path(path).unlink(missing_ok=True)
        if directory.is_dir():
            directory.rmdir()
    except OSError as error:
        raise atomic.WriteError(f"cannot remove {directory}: {error.strerror}{root_hint(error)}") from error
