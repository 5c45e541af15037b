"""Which changes need a restart of the startd: the snippet's values compared with what it advertises. Pure."""

from __future__ import annotations

from ...record import replace
from ..probes.htcondor import Htcondor
from ..snippet import guard_in_start
from ..snippet.values import Values
from .slot_ads import UNLIMITED, SlotAds

# Settings of the snippet that the startd reads only when it starts
_AT_START = ("VM_TYPE", "VM_MEMORY", "VM_MAX_NUMBER", "VM_NETWORKING", "VM_NETWORKING_TYPE")
TRUE = ("true", "t", "1")  # string_is_boolean_param() of HTCondor


def overridden(condor: Htcondor) -> list[str]:
    """Return which of the settings that the startd reads when it starts are overridden by a later file."""
    return [name for name in _AT_START if name in condor.settings and condor.settings[name].in_another_file]


def in_force(values: Values, condor: Htcondor) -> Values:
    """Return the snippet's values with the overrides of other files: those that a restart would apply."""
    others = overridden(condor)
    no_vm = values.no_vm
    if "VM_TYPE" in others and condor.value("VM_TYPE").lower() != "kvm":
        no_vm = no_vm or f"another file sets VM_TYPE ({condor.settings['VM_TYPE'].origin})"
    memory, number = (condor.number(name) if name in others else None for name in ("VM_MEMORY", "VM_MAX_NUMBER"))
    size = replace(
        values.size,
        memory=values.size.memory if memory is None else memory,
        number=values.size.number if number is None else number or UNLIMITED,  # 0 means no limit
    )
    types = values.network.types
    if {"VM_NETWORKING", "VM_NETWORKING_TYPE"} & set(others):
        wanted = condor.value("VM_NETWORKING").lower() in TRUE
        types = tuple(condor.value("VM_NETWORKING_TYPE").replace(",", " ").split()) if wanted else ()
    offer = replace(values.network, types=types)
    return replace(values, no_vm=no_vm, size=size, network=offer)


def for_restart(values: Values, advertised: SlotAds) -> list[str]:
    """Return how the running startd differs from the snippet in the settings that it reads only when it starts.

    One description for each difference. HTCondor's VMUniverseMgr::init() reads VM_TYPE, VM_MEMORY, VM_NETWORKING* and
    VM_MAX_NUMBER; condor_reconfig does not call it.
    """
    if values.no_vm:
        return ["HasVM is true, and is to be false"] if advertised.has_vm else []
    if not advertised.has_vm:
        return ["HasVM is false, and is to be true"]
    types = tuple(sorted(values.network.types))
    number, wanted_number = (
        "unlimited" if n is None or n >= UNLIMITED else str(n) for n in (advertised.vm_number, values.size.number)
    )
    pairs = [
        ("VM_Memory", str(advertised.vm_memory), str(values.size.memory)),
        ("the number of virtual machines", number, wanted_number),
        ("VM_Networking_Types", ", ".join(advertised.network_types) or "none", ", ".join(types) or "none"),
    ]
    return [f"{what} is {now}, and is to be {wanted}" for what, now, wanted in pairs if now != wanted]


def guarded(values: Values, advertised: SlotAds) -> bool:
    """Return whether START requires the conditions for VM jobs in every slot."""
    return bool(advertised.start) and all(guard_in_start.requires(start, values.guard) for start in advertised.start)
