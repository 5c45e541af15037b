"""What the running startd advertises, as the collector has it: slot ads, and what they say of virtual machines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ...host import Host
from ..probes.htcondor import Htcondor
from ..snippet import start_guard

_GUARD = ("VmJobRules", *start_guard.attributes([]))
_ATTRIBUTES = (
    *_GUARD,
    "DaemonLastReconfigTime",
    "HasFileTransferPluginMethods",
    "HasVM",
    "Name",
    "SlotType",
    "Start",
    "State",
    "VM_AvailNum",
    "VM_Guest_Mem",
    "VM_Memory",
    "VM_Networking",
    "VM_Networking_Types",
)
UNLIMITED = 10000  # VM_AvailNum without VM_MAX_NUMBER (VM_AVAIL_UNLIMITED_NUM of HTCondor's startd)
_FREE = ("Owner", "Unclaimed", "Drained", "")


@dataclass(frozen=True)
class Running:
    """fault: why there are no slot ads, "" if there are. The rest is what they say, of all slots together.

    has_vm: of VM universe. vm_memory: MiB, those that running machines use included. vm_number: None for no limit.
    network_types: sorted. methods: URL schemes. start: the expressions, one for each kind of slot. claimed: the names
    of the slots that run jobs or are promised to. conditions: which attributes that START refers to all slots have.
    since: when they reread their configuration last, seconds since 1970. drained: the names of the slots that
    somebody drained, who would have to do so again after a restart.
    """

    fault: str = ""
    has_vm: bool = False
    vm_memory: int = 0
    vm_number: int | None = None
    network_types: tuple[str, ...] = ()
    methods: frozenset[str] = frozenset()
    start: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    conditions: frozenset[str] = frozenset()
    drained: tuple[str, ...] = ()
    since: int = 0


def ask(host: Host, htcondor: Htcondor, timeout: float = 5) -> Running:
    """Ask the collector for this host's slot ads."""
    name = htcondor.value("FULL_HOSTNAME")
    if not name:
        return Running(fault=htcondor.fault or "HTCondor does not know this host's name")
    constraint = f"Machine == {json.dumps(name)}"
    answer = host.run(
        "condor_status", "-json", "-constraint", constraint, "-attributes", ",".join(_ATTRIBUTES), timeout=timeout
    )
    if answer.status != 0:
        return Running(fault=f"the collector cannot be asked: {answer.reason}")
    try:
        ads = json.loads(answer.output.strip() or "[]")  # nothing at all for no ads
    except ValueError as error:
        return Running(fault=f"what condor_status says is no JSON: {error}")
    return of(ads) if ads else Running(fault=f"the collector has no slot of {name}")


def of(ads: list[dict[str, Any]]) -> Running:
    """Return what the slot ads of one startd say. An attribute may be missing, or None for ClassAd's undefined."""
    own = [ad for ad in ads if ad.get("SlotType") != "Dynamic"]
    first = own[0] if own else ads[0]
    machines = [memory for memory in (_number(ad, "VM_Guest_Mem") for ad in ads) if memory is not None]
    free = _number(first, "VM_AvailNum") or 0
    types = _text(first, "VM_Networking_Types") if first.get("VM_Networking") is True else ""
    return Running(
        has_vm=first.get("HasVM") is True,
        vm_memory=(_number(first, "VM_Memory") or 0) + sum(machines),
        vm_number=None if free >= UNLIMITED else free + len(machines),
        network_types=tuple(sorted(types.replace(",", " ").split())),
        methods=frozenset(_text(first, "HasFileTransferPluginMethods").split(",")) - {""},
        start=tuple(sorted({_text(ad, "Start") for ad in own})),
        claimed=tuple(_text(ad, "Name") for ad in ads if _text(ad, "State") not in _FREE),
        conditions=frozenset(name for name in _GUARD if all(ad.get(name) is not None for ad in own or ads)),
        since=min(_number(ad, "DaemonLastReconfigTime") or 0 for ad in own or ads),
        drained=tuple(_text(ad, "Name") for ad in ads if _text(ad, "State") == "Drained"),
    )


def _text(ad: dict[str, Any], name: str) -> str:
    value = ad.get(name)
    return "" if value is None else str(value)


def _number(ad: dict[str, Any], name: str) -> int | None:
    """An expression that is not evaluated, or an error, is a string."""
    value = ad.get(name)
    return value if isinstance(value, int) else None
