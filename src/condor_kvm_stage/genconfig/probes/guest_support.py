"""What this host can give to guests, for the domain builder: libvirt's capabilities, virtiofs, a CPU that QEMU takes.

Asked only where the answers are used: they take 100 ms, or seconds if libvirt's daemon has to start first.
"""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ...answer import Answer
from ...guest_facts import GuestFacts
from ...host import Host
from ...leftovers.virsh import URI
from ...record import dataclass, replace
from ..outcome import PASSED, Outcome, failed, not_tried, of_answer
from . import cpu, kvm, programs, virtiofs

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NOT_ROOT = "only root can ask it"
# The facts for which its capabilities are needed
_OF_LIBVIRT = ("ide", "security_models", "uefi", "selinux", "virtiofsd")
_ASK = "capabilities; domcapabilities"  # in one call: most of the time is virsh's start
_ASK_X86 = f"{_ASK}; domcapabilities --machine q35"  # the machine type of guests with UEFI
_HOST_CPU = ["-cpu", "host"]
# Before QEMU 10.1, -cpu host includes this feature on AMD, too, where the register does not exist. QEMU aborts if KVM
# offers the feature but rejects setting it. libvirt's host-model does not help: it names the features that "host" has.
# With this feature off, the CPU is the one of QEMU 10.1.
_ARCH_CAPABILITIES = "arch-capabilities"
# Tried if QEMU does not start with that: its options, and libvirt's mode and disabled features for the same CPU
_ALTERNATIVES: tuple[tuple[list[str], str, list[str]], ...] = (
    (["-cpu", f"host,{_ARCH_CAPABILITIES}=off"], "host-passthrough", [_ARCH_CAPABILITIES]),
    ([], "", []),
)


_NOT_ASKED = not_tried("nobody was asked")


@dataclass(frozen=True)
class GuestSupport:
    """What libvirt and QEMU support."""

    facts: GuestFacts  # without the networks, which are not asked for; defaults where there was no answer
    capabilities: Outcome  # whether libvirt listed its capabilities
    cpu: Outcome  # whether QEMU starts with the host's CPU, all its features included
    files: Outcome = _NOT_ASKED  # whether guests can have their jobs' files

    def offered(self, types: tuple[str, ...], bridge: str, before: GuestFacts | None = None) -> GuestFacts:
        """Return the facts with the networks that the snippet offers, the first being the default.

        before: those that were written since the boot; what libvirt does not say now is as there.
        """
        facts = replace(self.facts, networks=list(types), bridge=bridge)
        if before and not self.capabilities.passed:
            asked = {name: getattr(before, name) for name in _OF_LIBVIRT}
            return replace(facts, **asked)
        if before and self.files.unknown:
            return replace(facts, virtiofsd=before.virtiofsd)
        return facts


def probe(host: Host) -> GuestSupport:
    """Ask libvirt and QEMU."""
    return start(host)()


def start(host: Host) -> Callable[[], GuestSupport]:
    """Start asking libvirt and QEMU. Returns a function that completes the probe."""
    device = kvm.probe(host)
    if not device.usable:
        why_not = not_tried(device.reason)
        return lambda: GuestSupport(GuestFacts(), why_not, why_not, why_not)
    # As root, like the vm-gahp; other users may be prompted for a password
    may_ask = host.is_root()
    is_x86 = cpu.architecture(host) == "x86_64"
    ask = ["virsh", "--connect", URI, _ASK_X86 if is_x86 else _ASK]
    virsh_answer = host.start(*ask) if may_ask else None
    virtiofsd_answer = virtiofs.start(host)
    # On other architectures KVM supports only the host's CPU (QEMU's manual, "Arm CPU Features")
    qemu_answer = _start_qemu(host, _HOST_CPU) if is_x86 else lambda: Answer(0)

    def answer() -> GuestSupport:
        first_try = qemu_answer()
        cpu = _started(first_try)
        facts = GuestFacts("host-passthrough") if cpu.passed else _with_another_cpu(host, first_try)
        path, files = virtiofsd_answer()
        facts = replace(facts, virtiofsd=path if files.passed else "")
        if not virsh_answer:
            return GuestSupport(facts, not_tried(NOT_ROOT), cpu, files)
        facts, capabilities = _with_capabilities(facts, virsh_answer())
        if files.passed and not facts.virtiofsd:
            files = failed(virtiofs.NO_LIBVIRT)
        return GuestSupport(facts, capabilities, cpu, files)

    return answer


def _start_qemu(host: Host, cpu_options: list[str]) -> Callable[[], Answer]:
    """Start QEMU with a machine whose CPU is stopped, and have it quit."""
    machine = ["-machine", "q35", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-S"]
    with _no_core():
        return host.start(
            programs.emulator(host) or "qemu-kvm",
            *["-accel", "kvm", *cpu_options, *machine, "-monitor", "stdio"],
            given="quit\n",
        )


@contextlib.contextmanager
def _no_core() -> Iterator[None]:
    """Disable core dumps of programs started in this context: one that aborts would leave one at each boot."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def _started(answer: Answer) -> Outcome:
    """Return whether QEMU started. The line with the reason may be followed by that of an assertion."""
    if answer.status == 0:
        return PASSED
    errors = [line for line in answer.errors.splitlines() if "error: " in line]
    return of_answer(answer, errors[0].partition("error: ")[2] if errors else "")


def _with_another_cpu(host: Host, answer: Answer) -> GuestFacts:
    """Return the facts with the first alternative CPU with which QEMU starts; the defaults if it starts with none.

    answer: QEMU's answer for the host's CPU.
    """
    for options, mode, without in _ALTERNATIVES:
        if answer.fault:  # it timed out, or does not exist
            break
        answer = _start_qemu(host, options)()
        if answer.status == 0:
            return GuestFacts(mode, cpu_without=without)
    return GuestFacts()


def _with_capabilities(facts: GuestFacts, answer: Answer) -> tuple[GuestFacts, Outcome]:
    """Return the facts with what virsh's XML documents say, and whether these could be used."""
    if answer.status != 0:
        return facts, of_answer(answer)
    from xml.etree import ElementTree  # takes 15 ms

    try:
        said = ElementTree.fromstring(f"<all>{answer.output}</all>")
    except ElementTree.ParseError as error:
        return facts, failed(f"virsh printed invalid XML: {error}")
    models = [model.text or "" for model in said.iterfind("capabilities/host/secmodel/model")]
    domains = said.findall("domainCapabilities")  # of the default machine type, of q35
    buses = [bus.text for bus in domains[0].iterfind("devices/disk/enum[@name='bus']/value")] if domains else []
    if not models or not buses:
        return facts, failed("virsh named no security model or no disk bus")
    named = [model for model in models if model != "none"]
    label = said.findtext("capabilities/host/secmodel[model='selinux']/baselabel[@type='kvm']", "")
    uefi = _has_uefi(domains[-1])
    served = facts.virtiofsd if _has_virtiofs(domains[0]) else ""
    found = replace(facts, ide="ide" in buses, security_models=named, selinux=label, uefi=uefi, virtiofsd=served)
    return found, PASSED


def _has_virtiofs(domain: Element) -> bool:
    """Return whether guests can have file systems by virtiofs, and memory that its server can share."""
    drivers = [kind.text for kind in domain.iterfind("devices/filesystem/enum[@name='driverType']/value")]
    memory = [kind.text for kind in domain.iterfind("memoryBacking/enum[@name='sourceType']/value")]
    return "virtiofs" in drivers and "memfd" in memory


def _has_uefi(domain: Element) -> bool:
    """Return whether there is a UEFI firmware without Secure Boot. Before libvirt 12, only whether there is any."""
    kinds = [kind.text for kind in domain.iterfind("os/enum[@name='firmware']/value")]
    secure = [value.text for value in domain.iterfind("os/firmwareFeatures/enum[@name='secureBoot']/value")]
    return "efi" in kinds and (not secure or "no" in secure)
