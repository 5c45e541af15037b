"""What this host offers to guests: the generator writes it to /run, the programs that define guests read it.

Otherwise each job would have to ask libvirt, which takes seconds when its daemon has to start.
"""

from __future__ import annotations

import json

from . import installed, selinux
from .failures import NodeError
from .record import asdict, dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:  # the builder, which a job waits for, does without
    from .host import Host

CPU_MODES = ("host-passthrough", "host-model", "")


@dataclass(frozen=True)
class GuestFacts:
    """What this host offers to guests. The defaults, for when the generator has not run, fit most hosts."""

    # One of libvirt's CPU_MODES; "" if the definition must not mention the CPU, because QEMU starts with no mode
    cpu_mode: str = "host-model"
    ide: bool = True  # whether libvirt's default machine type has IDE, like i440fx
    security_models: list[str] = field(default_factory=lambda: ["dac"])  # libvirt's, such as "selinux" and "dac"
    networks: list[str] = field(default_factory=list)  # types that are offered; the first is the default
    bridge: str = ""  # interface for the type "bridge", "" if that is not offered
    cpu_without: list[str] = field(default_factory=list)  # CPU features (libvirt's names) that QEMU needs switched off
    uefi: bool = False  # whether libvirt finds a UEFI firmware without Secure Boot, for the machine type q35 on x86_64
    selinux: str = ""  # the guests' context, without categories, if SELinux is on
    # Path of the virtiofsd by which guests can have their jobs' files, "" if there is none, or libvirt does not know it
    virtiofsd: str = ""


def to_bytes(facts: GuestFacts) -> bytes:
    """Return what to write to installed.GUEST_FACTS."""
    return json.dumps(asdict(facts)).encode() + b"\n"


def load() -> GuestFacts:
    """Return the facts that the generator wrote; the defaults if there is no file, or it is not valid.

    Raises NodeError instead of the latter where SELinux is on: with the wrong security models, libvirt would change the
    labels of base images.
    """
    try:
        with open(installed.GUEST_FACTS, "rb") as file:
            facts = of_text(file.read())
    except OSError:
        facts = None
    if facts is None and selinux.is_on():
        raise NodeError(
            "this node does not know yet how SELinux is to label the files of virtual machines; its administrator can "
            f"run {installed.APPLY}"
        )
    return facts or GuestFacts()


def read(host: Host) -> GuestFacts | None:
    """Return the facts that the generator wrote, None if there are none, or they are not valid."""
    return of_text(host.text(installed.GUEST_FACTS) or "")


def of_text(text: str | bytes) -> GuestFacts | None:
    """Return the facts in a text that the generator wrote, None if it is not valid."""
    try:
        return _from_json(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _from_json(document: object) -> GuestFacts:
    """Return the facts in a JSON document; another version may have more or fewer. Raises ValueError if invalid."""
    if not isinstance(document, dict):
        raise ValueError("not an object")
    defaults = asdict(GuestFacts())
    known = {name: document.get(name, default) for name, default in defaults.items()}
    if any(not _is_like(known[name], default) for name, default in defaults.items()):
        raise ValueError("a value of another type")
    facts = GuestFacts(**known)
    if facts.cpu_mode not in CPU_MODES:
        raise ValueError("not a CPU mode")
    return facts


def _is_like(value: object, default: object) -> bool:
    """Return whether a value has the type of the default; all lists are lists of strings."""
    if isinstance(value, list):
        return isinstance(default, list) and all(isinstance(item, str) for item in value)
    return type(value) is type(default)
