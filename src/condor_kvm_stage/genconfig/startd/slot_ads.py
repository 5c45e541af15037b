"""What the running startd advertises: its slot ads in the collector, and what they say about virtual machines."""

from __future__ import annotations

import json
from typing import Any

from ...host import Host
from ...record import dataclass
from ..outcome import PASSED, Outcome, failed, unknown
from ..probes import master
from ..probes.htcondor import Htcondor
from ..snippet import start_guard

_GUARD = ("VmJobRules", *start_guard.attributes([]))
_ATTRIBUTES = (
    *_GUARD,
    "ChildName",
    "DaemonLastReconfigTime",
    "Draining",
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
class SlotAds:
    """The slot ads of one startd, all slots together."""

    query: Outcome = PASSED  # whether the collector has the ads; if not, the fields below mean nothing
    has_vm: bool = False
    vm_memory: int = 0  # MiB, including what running machines use
    vm_number: int | None = None  # how many machines at once, None for no limit
    network_types: tuple[str, ...] = ()  # sorted
    methods: frozenset[str] = frozenset()  # URL schemes
    start: tuple[str, ...] = ()  # the expressions, one for each kind of slot
    claimed: tuple[str, ...] = ()  # names of the slots that are claimed, with or without a job
    conditions: frozenset[str] = frozenset()  # which attributes that START refers to all slots have
    drained: tuple[str, ...] = ()  # names of the slots that are drained or draining; a restart would undo that
    unsettled: str = ""  # why the ads do not show yet what holds, "" if they do
    others: tuple[str, ...] = ()  # names of further startds of this host, whose ads are not among these
    since: int = 0  # Unix time of the last reconfiguration


def ask(host: Host, htcondor: Htcondor) -> SlotAds:
    """Ask the collector for this host's slot ads."""
    name = htcondor.value("FULL_HOSTNAME")
    if not name:
        return SlotAds(failed(htcondor.configuration.reason or "HTCondor does not know this host's name"))
    constraint = f"Machine == {json.dumps(name)}"
    answer = host.run(
        "condor_status",
        "-json",
        "-constraint",
        constraint,
        "-attributes",
        ",".join(_ATTRIBUTES),
        environment=master.environment(host),
    )
    if answer.status != 0:
        reason = f"cannot query the collector: {answer.reason}"
        return SlotAds(unknown(reason) if answer.late else failed(reason))
    try:
        ads = json.loads(answer.output.strip() or "[]")  # it prints nothing if there are no ads
    except ValueError as error:
        return SlotAds(failed(f"condor_status printed invalid JSON: {error}"))
    return of(ads) if ads else SlotAds(failed(f"the collector has no slot of {name}"))


def of(ads: list[dict[str, Any]]) -> SlotAds:
    """Parse the slot ads of a host. An attribute may be missing, or None for ClassAd's undefined."""
    startds = sorted({_startd(ad) for ad in ads})
    ads = [ad for ad in ads if _startd(ad) == startds[0]]
    own = [ad for ad in ads if ad.get("SlotType") != "Dynamic"]
    if not own:  # the startd has just started; the dynamic slots are those of the one before
        return SlotAds(unsettled="the collector has only ads of slots that jobs had", others=tuple(startds[1:]))
    ads = own + _dynamic(ads, own)
    gone = sorted(_children(own) - {_text(ad, "Name") for ad in ads})
    first = own[0]
    machines = [memory for memory in (_number(ad, "VM_Guest_Mem") for ad in ads) if memory is not None]
    free = _number(first, "VM_AvailNum") or 0
    types = _text(first, "VM_Networking_Types") if first.get("VM_Networking") is True else ""
    drained = [ad for ad in own if _text(ad, "State") == "Drained" or ad.get("Draining") is True]
    ending = [_text(ad, "Name") for ad in ads if _text(ad, "State") == "Preempting"]
    return SlotAds(
        has_vm=first.get("HasVM") is True,
        vm_memory=(_number(first, "VM_Memory") or 0) + sum(machines),
        vm_number=None if free >= UNLIMITED else free + len(machines),
        network_types=tuple(sorted(types.replace(",", " ").split())),
        methods=frozenset(_text(first, "HasFileTransferPluginMethods").split(",")) - {""},
        start=tuple(sorted({_text(ad, "Start") for ad in own})),
        claimed=tuple(_text(ad, "Name") for ad in ads if _text(ad, "State") not in _FREE),
        conditions=frozenset(name for name in _GUARD if all(ad.get(name) is not None for ad in own)),
        since=min(_number(ad, "DaemonLastReconfigTime") or 0 for ad in own),
        drained=tuple(_text(ad, "Name") for ad in drained),
        # What an ending job had is free again, and its slot's ad still has it
        unsettled=f"a job is starting or ending ({', '.join(ending + gone)})" if ending or gone else "",
        others=tuple(startds[1:]),
    )


def _startd(ad: dict[str, Any]) -> str:
    """Return the name of the startd that an ad is of: `slot1@worker`, or `slot1@name@worker` for a further one."""
    return _text(ad, "Name").partition("@")[2]


def _dynamic(ads: list[dict[str, Any]], own: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the ads of dynamic slots that exist: the collector keeps those of others for up to 15 minutes."""
    dynamic = [ad for ad in ads if ad.get("SlotType") == "Dynamic"]
    partitionable = [ad for ad in own if _text(ad, "SlotType") == "Partitionable"]
    if not all(isinstance(ad.get("ChildName"), list) for ad in partitionable):
        return dynamic  # not advertised (ADVERTISE_PSLOT_ROLLUP_INFORMATION)
    there = _children(own)
    return [ad for ad in dynamic if _text(ad, "Name") in there]


def _children(own: list[dict[str, Any]]) -> set[str]:
    """Return the names of dynamic slots that the partitionable ones say they have. Each slot's ad comes by itself."""
    lists = [ad.get("ChildName") for ad in own if _text(ad, "SlotType") == "Partitionable"]
    return {str(name) for names in lists if isinstance(names, list) for name in names}


def _text(ad: dict[str, Any], name: str) -> str:
    value = ad.get(name)
    return "" if value is None else str(value)


def _number(ad: dict[str, Any], name: str) -> int | None:
    """Unevaluated expressions and errors are strings."""
    value = ad.get(name)
    return value if isinstance(value, int) else None
