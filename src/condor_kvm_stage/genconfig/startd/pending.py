"""What a running startd does not know yet, and what it takes: facts of both sides in, a verdict out. Pure."""

from __future__ import annotations

import dataclasses

from ...installed import SNIPPET
from ..probes.htcondor import Htcondor
from ..snippet import guard_in_start
from ..snippet.values import Values
from .slot_ads import UNLIMITED, Running

# Of the snippet, what the startd reads at its start
_AT_START = ("VM_TYPE", "VM_MEMORY", "VM_MAX_NUMBER", "VM_NETWORKING", "VM_NETWORKING_TYPE")
TRUE = ("true", "t", "1")  # string_is_boolean_param() of HTCondor


def overridden(condor: Htcondor) -> list[str]:
    """Return which of the settings that the startd reads at its start another file has the last word on."""
    origins = {name: condor.settings[name].origin for name in _AT_START if name in condor.settings}
    return [name for name, origin in origins.items() if origin.startswith("/") and not origin.startswith(SNIPPET)]


def in_force(values: Values, condor: Htcondor) -> Values:
    """Return the snippet's values with what other files make of them: that is what a restart would bring."""
    others = overridden(condor)
    no_vm = values.no_vm
    if "VM_TYPE" in others and condor.value("VM_TYPE").lower() != "kvm":
        no_vm = no_vm or f"another file sets VM_TYPE ({condor.settings['VM_TYPE'].origin})"
    memory, number = (condor.number(name) if name in others else None for name in ("VM_MEMORY", "VM_MAX_NUMBER"))
    size = dataclasses.replace(
        values.size,
        memory=values.size.memory if memory is None else memory,
        number=values.size.number if number is None else number or UNLIMITED,  # 0 is no limit
    )
    types = values.network.types
    if {"VM_NETWORKING", "VM_NETWORKING_TYPE"} & set(others):
        wanted = condor.value("VM_NETWORKING").lower() in TRUE
        types = tuple(condor.value("VM_NETWORKING_TYPE").replace(",", " ").split()) if wanted else ()
    offer = dataclasses.replace(values.network, types=types)
    return dataclasses.replace(values, no_vm=no_vm, size=size, network=offer)


def for_restart(values: Values, running: Running) -> list[str]:
    """Return how the running startd differs from the snippet in what it reads only at its start, a part each.

    None of it if it does not differ. HTCondor's VMUniverseMgr::init() reads VM_TYPE, VM_MEMORY, VM_NETWORKING* and
    VM_MAX_NUMBER; condor_reconfig does not call it.
    """
    if values.no_vm:
        return ["HasVM is true, and is to be false"] if running.has_vm else []
    if not running.has_vm:
        return ["HasVM is false, and is to be true"]
    types = tuple(sorted(values.network.types))
    number, wanted_number = (
        "unlimited" if n is None or n >= UNLIMITED else str(n) for n in (running.vm_number, values.size.number)
    )
    pairs = [
        ("VM_Memory", str(running.vm_memory), str(values.size.memory)),
        ("the number of virtual machines", number, wanted_number),
        ("VM_Networking_Types", ", ".join(running.network_types) or "none", ", ".join(types) or "none"),
    ]
    return [f"{what} is {now}, and is to be {wanted}" for what, now, wanted in pairs if now != wanted]


def guarded(values: Values, running: Running) -> bool:
    """Return whether START demands the conditions for VM jobs in every slot."""
    return bool(running.start) and all(guard_in_start.demands(start, values.guard) for start in running.start)
