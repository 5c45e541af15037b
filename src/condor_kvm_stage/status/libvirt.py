"""Ask libvirt which domains run, and in what state; and which addresses its default network has leased."""

from __future__ import annotations

from collections.abc import Callable

from ..answer import Answer
from ..errors import KvmStageError
from ..host import Host
from ..leftovers import virsh
from ..record import dataclass

# --nowait: a domain whose share hangs must not delay the answer
_QUESTION = ("domstats", "--raw", "--nowait", "--list-active", "--state", "--cpu-total")
# virDomainState and virDomainPausedReason of libvirt, in which the numbers are fixed
_STATES = {1: "running", 2: "running", 3: "paused", 4: "shutting down", 5: "shut off", 6: "crashed", 7: "suspended"}
_PAUSED = 3
# QEMU pauses a guest at a write error only if the disk is full (its default, werror=enospc)
DISK_FULL = "disk full"
_REASONS = {
    0: "internal error",  # QEMU's, for which libvirt has no reason
    1: "by command",
    2: "migrating",
    3: "saving",
    4: "dumping",
    5: DISK_FULL,
    6: "watchdog",
    8: "shutting down",
    10: "guest crashed",
    11: "starting",
}
_LEASES_TIMEOUT = 2.0  # seconds: an address is not worth more


class NotKnown(KvmStageError):
    """libvirt does not say what runs."""


@dataclass(frozen=True)
class DomainState:
    """What libvirt says of a domain that runs."""

    state: str
    reason: str  # "" if the state needs none
    cpu_seconds: float | None  # None if libvirt does not say


def domains(host: Host) -> dict[str, DomainState]:
    """Return the domains that run, by name. Raises NotKnown."""
    answer = virsh.run(host, host.patience, *_QUESTION)
    if answer.late:
        raise NotKnown(
            f"which virtual machines run is not known: libvirt did not answer within {host.patience:.0f} s, so it is "
            "busy, or hangs; try again, then look at: systemctl status 'libvirtd*' 'virtqemud*'"
        )
    if answer.status != 0:
        raise NotKnown(
            f"which virtual machines run is not known: {answer.reason}; run: condor-kvm-stage-genconfig --check"
        )
    found: dict[str, dict[str, str]] = {}
    values: dict[str, str] = {}
    for line in answer.output.splitlines():
        if line.startswith("Domain: '") and line.endswith("'"):
            values = found[line[len("Domain: '") : -1]] = {}
        else:
            key, _, value = line.strip().partition("=")
            values[key] = value
    return {name: _state(values) for name, values in found.items()}


def start_asking_addresses(host: Host) -> Callable[[], dict[str, str]]:
    """Ask for the leases. Returns a function that waits for the answer: IP addresses by MAC address, {} if unknown."""
    answer = virsh.start(host, _LEASES_TIMEOUT, "net-dhcp-leases", "default")
    return lambda: _leases(answer())


def _leases(answer: Answer) -> dict[str, str]:
    """Read the lines `date time mac protocol address/prefix name id`; what the guest says of itself comes last."""
    lines = [line.split() for line in answer.output.splitlines()] if answer.status == 0 else []
    return {words[2].lower(): words[4].partition("/")[0] for words in lines if len(words) > 4 and words[3] == "ipv4"}


def _state(values: dict[str, str]) -> DomainState:
    state, reason = _number(values, "state.state") or 0, _number(values, "state.reason") or 0
    nanoseconds = _number(values, "cpu.time")
    return DomainState(
        _STATES.get(state, f"state {state}"),
        _REASONS.get(reason, f"reason {reason}" if reason else "") if state == _PAUSED else "",
        None if nanoseconds is None else nanoseconds / 1e9,
    )


def _number(values: dict[str, str], key: str) -> int | None:
    text = values.get(key, "")
    return int(text) if text.isdecimal() else None
