"""Let the boot unit do the work of --apply where it runs in a scriptlet that has no network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from ...errors import KvmStageError
from ...host import Host
from ...installed import DISABLED, UNIT
from ...messages import NOTICE, Message
from ...policy.model import Policy


class ApplyError(KvmStageError):
    """HTCondor does not apply its configuration."""


def require_htcondor(host: Host) -> None:
    """Raise ApplyError if HTCondor is not installed. Its directories do not count: this package has them, too."""
    if not host.program("condor_master"):
        raise ApplyError(
            "no program condor_master; install HTCondor (package condor): it will be configured when it starts"
        )


def must_delegate(host: Host) -> bool:
    """Return whether this network namespace is not the host's: in a scriptlet under rpm's plug-in `unshare`."""
    try:
        return os.readlink(host.path("/proc/self/ns/net")) != os.readlink(host.path("/proc/1/ns/net"))
    except OSError:  # not root, or no such files
        return False


def delegate(host: Host, policy: Policy) -> Iterator[Message]:
    """Restart the unit, which systemd runs outside of the scriptlet. Yields the messages that it logged."""
    done = host.run("systemctl", "restart", UNIT, timeout=policy.staging.timeout + policy.htcondor.wait + 60)
    if _property(host, "ConditionResult") == "no":
        yield Message(f"{UNIT} is disabled ({DISABLED}): nothing was changed", NOTICE)
        return
    invocation = _property(host, "InvocationID")
    host.run("journalctl", "--sync")
    log = host.run("journalctl", "--output=json", "--quiet", f"_SYSTEMD_INVOCATION_ID={invocation}")
    entries = [json.loads(line) for line in log.output.splitlines()]  # systemd's "Journal JSON Format"
    yield from (Message(entry["MESSAGE"], int(entry["PRIORITY"])) for entry in entries)
    if done.status != 0:
        raise ApplyError(f"{UNIT} failed: {'see above' if entries else done.reason}; see journalctl -u {UNIT}")


def _property(host: Host, name: str) -> str:
    return host.run("systemctl", "show", f"--property={name}", "--value", UNIT).output.strip()
