"""What this host can give to guests, for the programs that define them: what libvirt says, and a CPU that QEMU takes.

Asked only where the answers are used: they take 100 ms, and seconds where libvirt's daemon does not run yet.
"""

from __future__ import annotations

import contextlib
import dataclasses
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...guest_facts import GuestFacts
from ...host import Answer, Host
from ...leftovers.virsh import URI
from . import cpu, kvm, programs

NOT_ROOT = "this user may not ask it"
_ASK_BOTH = "capabilities; domcapabilities"  # in one: most of the time is virsh's start
_SECONDS_FOR_QEMU = 5  # it takes 0.1
_AS_IT_IS = ["-cpu", "host"]
# Before QEMU 10.1 AMD's CPUs have it, too, for which there is no such register. Where KVM offers it all the same, and
# then does not let it be set, QEMU aborts. libvirt's host-model is no way out: it asks by name for what "host" has.
# Without this feature the CPU is what QEMU 10.1 makes of it.
_ARCH_CAPABILITIES = "arch-capabilities"
# Tried if it does not start so: QEMU's options, and libvirt's mode and names of switched-off features for the same
_OTHERWISE: tuple[tuple[list[str], str, list[str]], ...] = (
    (["-cpu", f"host,{_ARCH_CAPABILITIES}=off"], "host-passthrough", [_ARCH_CAPABILITIES]),
    ([], "", []),
)


@dataclass(frozen=True)
class GuestSupport:
    """facts: without the networks, which nobody was asked about; a default where there was no answer.

    libvirt: why libvirt does not say what it can do, "" if it does. cpu: why QEMU does not start with the host's CPU as
    it is, or why nobody knows; "" if it does.
    """

    facts: GuestFacts
    libvirt: str = ""
    cpu: str = ""

    def offered(self, types: tuple[str, ...], bridge: str) -> GuestFacts:
        """Return the facts with the networks that the snippet offers, the first being the default."""
        return dataclasses.replace(self.facts, networks=list(types), bridge=bridge)


def probe(host: Host, patience: float) -> GuestSupport:
    """Ask libvirt and QEMU. patience: how many seconds libvirt has for its answer."""
    return start(host, patience)()


def start(host: Host, patience: float) -> Callable[[], GuestSupport]:
    """Let libvirt and QEMU begin to answer. Returns what does the rest of probe()."""
    device = kvm.probe(host)
    if not device.usable:
        return lambda: GuestSupport(GuestFacts(), device.reason, device.reason)
    # As the vm-gahp asks, as root; others may be asked for a password
    may_ask = host.is_root()
    ask = ["virsh", "--connect", URI, _ASK_BOTH]
    libvirt_says = host.start(*ask, timeout=patience) if may_ask else lambda: Answer(-1, fault=NOT_ROOT)
    # Elsewhere KVM has no other CPU than the host's (QEMU's manual, "Arm CPU Features")
    is_x86 = cpu.architecture(host) == "x86_64"
    qemu_starts = _start_qemu(host, _AS_IT_IS) if is_x86 else lambda: Answer(0)

    def answer() -> GuestSupport:
        started = qemu_starts()
        reason = _why_not(started)
        facts = _with_another_cpu(host, started) if reason else GuestFacts("host-passthrough")
        said = libvirt_says()
        if said.status != 0:
            return GuestSupport(facts, said.reason, reason)
        facts, fault = _as_libvirt_says(facts, said.output)
        return GuestSupport(facts, fault, reason)

    return answer


def _start_qemu(host: Host, cpu_options: list[str]) -> Callable[[], Answer]:
    """Let QEMU make a machine whose CPU does not run, and end by itself."""
    machine = ["-machine", "q35", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-S"]
    with _no_core():
        return host.start(
            programs.emulator(host) or "qemu-kvm",
            *["-accel", "kvm", *cpu_options, *machine, "-monitor", "stdio"],
            timeout=_SECONDS_FOR_QEMU,
            given="quit\n",
        )


@contextlib.contextmanager
def _no_core() -> Iterator[None]:
    """Let programs that are started meanwhile, and abort, leave no core: at each boot there would be another."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def _why_not(answer: Answer) -> str:
    """Return why QEMU has not started, "" if it has. After the line that says it there may be an assertion's."""
    if answer.status == 0:
        return ""
    telling = [line for line in answer.errors.splitlines() if "error: " in line]
    return telling[0].partition("error: ")[2] if telling else answer.reason


def _with_another_cpu(host: Host, answer: Answer) -> GuestFacts:
    """Return the facts with the first CPU with which QEMU starts; if it starts with none, it is not the CPU's fault.

    answer: what QEMU said to the host's own.
    """
    for options, mode, without in _OTHERWISE:
        if answer.fault:  # it takes all its time, or is not there
            break
        answer = _start_qemu(host, options)()
        if answer.status == 0:
            return GuestFacts(mode, cpu_without=without)
    return GuestFacts()


def _as_libvirt_says(facts: GuestFacts, said: str) -> tuple[GuestFacts, str]:
    """Return the facts with what its two documents say, and what is wrong with them, "" if nothing is."""
    from xml.etree import ElementTree  # 15 ms, while QEMU and virsh are at work

    try:
        both = ElementTree.fromstring(f"<both>{said}</both>")
    except ElementTree.ParseError as error:
        return facts, f"what virsh prints is no XML: {error}"
    models = [model.text or "" for model in both.iterfind("capabilities/host/secmodel/model")]
    buses = [bus.text for bus in both.iterfind("domainCapabilities/devices/disk/enum[@name='bus']/value")]
    if not models or not buses:
        return facts, "what virsh prints names no security model or no bus for disks"
    named = [model for model in models if model != "none"]
    return dataclasses.replace(facts, ide="ide" in buses, security_models=named), ""
