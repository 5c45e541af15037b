"""Runtime state in /run for the plug-in and the domain builder, so that they need not probe the host for each job.

The generator writes it at each boot.
"""

from __future__ import annotations

from .. import atomic_file, guest_facts, installed
from ..classad_writer import write_long
from ..errors import root_hint
from ..guest_facts import GuestFacts
from ..host import Host
from ..policy import staging_cache
from ..policy.model import Policy


def write(attributes: dict[str, str], policy: Policy, guest: GuestFacts | None, host: Host) -> None:
    """Write the slot ad's attributes, the policy's staging settings, and the facts for the domain builder.

    guest: None if there are none to write. Raises WriteError.
    """
    directory = host.path(installed.SLOT_ATTRIBUTES).parent
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True)
            directory.chmod(0o755)  # regardless of umask: the plug-in reads it as the job's user
    except OSError as error:
        raise atomic_file.WriteError(f"cannot make {directory}: {error.strerror}; run this as root") from error
    atomic_file.write(host.path(installed.SLOT_ATTRIBUTES), write_long(attributes))
    atomic_file.write(host.path(installed.STAGING_CACHE), staging_cache.to_bytes(policy))
    if guest:
        atomic_file.write(host.path(installed.GUEST_FACTS), guest_facts.to_bytes(guest))
    else:
        _unlink(installed.GUEST_FACTS, host)


def remove(host: Host) -> None:
    """Remove what write() wrote. Raises WriteError."""
    directory = host.path(installed.SLOT_ATTRIBUTES).parent
    ours = (
        installed.SLOT_ATTRIBUTES,
        installed.STAGING_CACHE,
        installed.GUEST_FACTS,
        installed.ATTEMPT,
        installed.RECOVERY,
        installed.HEALTH,
        installed.HEALTH_STATE,
    )
    for path in ours:
        _unlink(path, host)
    try:
        if directory.is_dir():
            directory.rmdir()
    except OSError as error:
        raise atomic_file.WriteError(f"cannot remove {directory}: {error.strerror}{root_hint(error)}") from error


def _unlink(path: str, host: Host) -> None:
    try:
        host.path(path).unlink(missing_ok=True)
    except OSError as error:
        raise atomic_file.WriteError(f"cannot remove {path}: {error.strerror}{root_hint(error)}") from error
