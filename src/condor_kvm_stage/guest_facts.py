"""What the generator found that this host can give to guests, left in /run for the programs that define them.

So that no job waits for libvirt to say it: at its start that takes seconds.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from . import installed

CPU_MODES = ("host-passthrough", "host-model", "")


@dataclass(frozen=True)
class GuestFacts:
    """What holds without the generator's answer, too: each default is what most hosts can do.

    cpu_mode: of CPU_MODES, libvirt's; "" for a definition that says nothing of the CPU, because QEMU starts with none
    of the others. cpu_without: libvirt's names of the CPU's features that must be switched off, else QEMU does not
    start. ide: whether the machine that libvirt gives to a guest by default has IDE, as i440fx. security_models:
    libvirt's, as "selinux" and "dac". networks: the types that are offered, the first being the default. bridge: the
    interface for the type "bridge", "" for none.
    """

    cpu_mode: str = "host-model"
    ide: bool = True
    security_models: list[str] = field(default_factory=lambda: ["dac"])
    networks: list[str] = field(default_factory=list)
    bridge: str = ""
    cpu_without: list[str] = field(default_factory=list)


def to_bytes(facts: GuestFacts) -> bytes:
    """Return what to write to installed.GUEST_FACTS."""
    return json.dumps(dataclasses.asdict(facts)).encode() + b"\n"


def load() -> GuestFacts:
    """Return the facts that the generator wrote; the defaults if it has not, or the file is not as it writes it."""
    try:
        with open(installed.GUEST_FACTS, "rb") as file:
            return _of(json.loads(file.read()))
    except (OSError, ValueError, RecursionError):
        return GuestFacts()


def _of(said: object) -> GuestFacts:
    """Return the facts of a JSON document; another version may say more or less. Raises ValueError if they are none."""
    if not isinstance(said, dict):
        raise ValueError("not an object")
    default = GuestFacts()
    known = {name: said.get(name, getattr(default, name)) for name in dataclasses.asdict(default)}
    if any(not _is_like(value, getattr(default, name)) for name, value in known.items()):
        raise ValueError("a value of another type")
    facts = GuestFacts(**known)
    if facts.cpu_mode not in CPU_MODES:
        raise ValueError("no mode of the CPU")
    return facts


def _is_like(value: object, default: object) -> bool:
    """Return whether a value is of a default's type; of lists, all are of strings."""
    if isinstance(value, list):
        return isinstance(default, list) and all(isinstance(item, str) for item in value)
    return type(value) is type(default)
