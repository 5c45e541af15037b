"""The HTCondor configuration snippet: decide its values from facts and policy, render it. Puts nothing in place."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ... import __version__
from ...policy.model import AUTO, Policy
from ..probes import devices
from ..probes.collect import HostFacts
from ..probes.htcondor import CONFIG_DIR, KEYWORD
from . import checksum, network, sizing, start_guard

PATH = f"{CONFIG_DIR}/50-condor-kvm-stage.conf"
# config.d/ lies two directories above the package in the repository (src/…) and as installed (python/…)
_TEMPLATES = Path(__file__).parents[3] / "config.d"


@dataclass(frozen=True)
class Values:
    """What the template may use.

    no_vm: the reason why the node offers no VM universe, "" if it does. host: what the values were worked out from, a
    line each. plugin: its path. canary: a URL that it must be able to stage, "" for none. guard: expressions by slot
    attribute. guarded: whether our programs define virtual machines.
    """

    no_vm: str
    host: list[str]
    size: sizing.Sizing
    network: network.Offer
    plugin: str
    canary: str
    guard: dict[str, str] = field(default_factory=dict)
    guarded: bool = True


def decide(facts: HostFacts, policy: Policy) -> Values:
    """Return the values that a host's facts and its policy call for."""
    cpus = facts.htcondor.number("NUM_CPUS") or facts.cpu.count
    size = sizing.size(facts.memory, facts.htcondor.memory, cpus, policy.vm)
    # Whom the device's file keeps out does not know what it would answer HTCondor's vm-gahp and libvirt
    no_vm = "" if facts.kvm.code == "EACCES" else facts.kvm.reason
    if not no_vm and size.memory == 0:
        no_vm = f"{facts.memory.ram} MiB of memory leave nothing for virtual machines"
    offer = network.offer(facts, policy.network)
    return _values(no_vm, _seen(facts, cpus), size, offer, facts.platform.plugin, policy)


def decide_unseen(policy: Policy, plugin: str) -> Values:
    """Return the values for a host that cannot be looked at: those that its policy fixes. See missing_for_unseen().

    plugin: where it is in the host's tree.
    """
    size = sizing.Sizing(policy.vm.memory >> 20, policy.vm.max_number, fixed=True)
    types = network.Offer(tuple(policy.network.types), {}, policy.network.bridge)
    return _values("", ["not looked at: the policy fixes all values"], size, types, plugin, policy)


def missing_for_unseen(policy: Policy) -> list[str]:
    """Return the keys that a policy has to set for decide_unseen(), and does not."""
    missing = [] if "network.types" in policy.given else ["network.types"]
    if "bridge" in policy.network.types and not policy.network.bridge:
        missing.append("network.bridge")
    return missing + [f"vm.{key}" for key in ("memory", "max_number") if getattr(policy.vm, key) == AUTO]


def prepare() -> None:
    """Import what only render() needs, where there is time: it takes as long as all the rest."""
    import jinja2  # noqa: F401


def render(values: Values) -> str:
    """Return the snippet's text, with its checksum. An undefined name in the template raises UndefinedError."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        autoescape=False,  # HTCondor's configuration, not HTML
    )
    environment.filters["comment"] = _comment
    template = environment.get_template(f"{Path(PATH).name}.j2")
    names = list(values.guard)
    text = template.render(
        asdict(values),
        version=__version__,
        memory=_memory(values.size),
        rules=start_guard.RULES,
        start=start_guard.start(names),
        names=names,
        builder=devices.BUILDER,
        hook=devices.HOOK,
        keyword=KEYWORD,
    )
    return checksum.added(text)


def _comment(text: str, begin: str = "# ") -> str:
    """Return text as lines of a comment."""
    return textwrap.fill(text, 120, initial_indent=begin, subsequent_indent=begin, break_on_hyphens=False)


def _memory(size: sizing.Sizing) -> str:
    """Return how VM_MEMORY comes about."""
    kept = f"{size.reserve} MiB stay with the host, {size.overhead} MiB with QEMU"
    cap = f"; limited by {size.cap}" if size.cap else ""
    if size.fixed:
        return f"MiB for all virtual machines together: vm.memory in the policy{cap}."
    return f"MiB for all virtual machines together. {kept}{cap}."


def _values(
    no_vm: str, host: list[str], size: sizing.Sizing, offer: network.Offer, plugin: str, policy: Policy
) -> Values:
    canary = policy.staging.canary_image
    return Values(
        no_vm=no_vm,
        host=host,
        size=size,
        network=offer,
        plugin=plugin,
        canary=f"nfs://{canary}:canary.qcow2" if canary else "",
        guard=start_guard.attributes(policy.vm.disk_dirs),
        guarded=policy.guest.guarded,
    )


def _seen(facts: HostFacts, cpus: int) -> list[str]:
    memory = facts.memory
    limit = [] if memory.cgroup_limit is None else [f"the control group's limit is {memory.cgroup_limit} MiB"]
    huge = [f"{memory.huge_pages} MiB of them reserved for huge pages"] if memory.huge_pages else []
    slots = facts.htcondor.memory
    return [
        ", ".join([f"{memory.ram} MiB of memory", *huge, *limit]),
        f"HTCondor's slots have {cpus} CPUs" + (f" and {slots} MiB" if slots is not None else ""),
    ]
