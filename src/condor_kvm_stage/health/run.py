"""One look at the node: check, put right, write down what the startd is to advertise."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from .. import atomic_file, guest_facts, installed
from ..classad_writer import write_long
from ..errors import KvmStageError
from ..genconfig.probes import guest_user, kvm, master
from ..genconfig.probes.execute import FULL
from ..genconfig.snippet import wanted
from ..guest_facts import GuestFacts
from ..host import Host
from ..messages import ERROR, NOTICE, Message
from ..policy.model import Policy, PolicyError
from . import facts, guests, heal, libvirt, shares, state
from .faults import STEPS, Fault
from .shares import Place
from .state import State

if TYPE_CHECKING:
    from ..classad_writer import Flat

_ASKED = 10  # seconds for condor_config_val


def run(host: Host) -> Iterator[Message]:
    """Look at the node once. Yields messages for the administrator: what was put right, what is newly wrong or right.

    Raises WriteError.
    """
    before = state.load(host)
    now = int(time.time())
    policy, found = _policy(host)
    execute = host.run("condor_config_val", "EXECUTE", timeout=_ASKED, environment=master.environment(host))
    places = [Place(shares.DIRECTORY, path) for path in policy.staging.image_dirs]
    places += [Place(shares.IMAGE, path) for path in (policy.staging.canary_image,) if path]
    scratch = Place(shares.EXECUTE, execute.output.strip())
    places += [scratch] if execute.status == 0 and scratch.path.startswith("/") else []
    looked = shares.look(host, places, before, now, policy.staging.timeout)
    free = looked.free.get(scratch)
    found += looked.faults
    if free is not None and free < FULL:
        found.append(Fault(shares.EXECUTE, f"{scratch.path} has {free} MiB free"))
    found += _kvm(host, policy)
    found += yield from _libvirt(host, policy, before, now)
    faulty = {fault.name for fault in found}
    unknown = {shares.DIRECTORY, shares.IMAGE} if "policy" in faulty else set()
    if faulty & {"kvm", "policy", libvirt.NAME}:
        unknown |= {"network", facts.NAME}
    else:
        found += yield from _networks(host, policy, before)
        found += yield from _facts(host, policy, before)
    found += [Fault(name, reason) for name, reason in before.faults.items() if name in unknown - faulty]
    there = guests.look(host)
    if "leftovers" in policy.health.heal:
        there = yield from heal.leftovers(host, there, "" if free is None else scratch.path, before)
    if "logs" in policy.health.heal:
        yield from heal.old_logs(host, before, now)
    yield from _changes(found, before, now)
    state.keep(before, host)
    offered = guest_facts.read(host)
    attributes = _attributes(found, there, free, before)
    if offered:
        attributes["JobFiles"] = bool(offered.virtiofsd)
    atomic_file.write(host.path(installed.HEALTH), write_long(attributes))


def _policy(host: Host) -> tuple[Policy, list[Fault]]:
    """Return the policy, the default one if it has an error: then no image is staged."""
    try:
        return wanted.policy_of(host), []
    except PolicyError as error:
        return Policy(), [Fault("policy", error.fault)]


def _kvm(host: Host, policy: Policy) -> list[Fault]:
    device = kvm.probe(host)
    reason = device.reason if not device.usable else guest_user.probe(host).fault if policy.guest.guarded else ""
    return [Fault("kvm", reason)] if reason else []


def _libvirt(host: Host, policy: Policy, before: State, now: int) -> Generator[Message, None, list[Fault]]:
    """Yield messages. Returns the faults."""
    found = libvirt.ask(host, before, now)
    if found and libvirt.NAME not in before.silent and (yield from _start_sockets(host, policy, before)):
        found = libvirt.ask(host, before, now)
    return found


def _start_sockets(host: Host, policy: Policy, before: State) -> Generator[Message, None, bool]:
    """Start libvirt's sockets, if the policy says so. Yields a message for each. Returns whether there were some."""
    started = libvirt.start(host) if "libvirt" in policy.health.heal else []
    before.healed += len(started)
    for unit in started:
        yield Message(f"Started {unit}, which was enabled and did not listen", NOTICE)
    return bool(started)


def _networks(host: Host, policy: Policy, before: State) -> Generator[Message, None, list[Fault]]:
    """Yield messages. Returns a fault for each network that guests may ask for and do not get."""
    offered = guest_facts.read(host) if policy.guest.guarded else None
    if not offered:
        return []
    missing = _missing(host, offered)
    if missing and "nat" in offered.networks and (yield from _start_sockets(host, policy, before)):
        missing = _missing(host, offered)
    return [Fault("network", reason) for reason in missing]


def _missing(host: Host, offered: GuestFacts) -> list[str]:
    """Return what networks lack."""
    missing = []
    if "nat" in offered.networks and not libvirt.network_is_active(host, "default"):
        missing.append("libvirt's network default is not active")
    if "bridge" in offered.networks and not host.exists(f"/sys/class/net/{offered.bridge}"):
        missing.append(f"there is no interface {offered.bridge}")
    if "user" in offered.networks and not host.program("passt"):
        missing.append("there is no program passt")
    return missing


def _facts(host: Host, policy: Policy, before: State) -> Generator[Message, None, list[Fault]]:
    """Yield messages. Returns the faults."""
    if not policy.guest.guarded:
        return []
    try:
        found, done = facts.compare(host, policy, before, "facts" in policy.health.heal)
    except KvmStageError as error:
        return [Fault(facts.NAME, str(error))]
    if done:
        before.healed += 1
        yield Message(done[0].upper() + done[1:], NOTICE)
    return found


def _changes(found: list[Fault], before: State, now: int) -> Iterator[Message]:
    """Yield what is newly wrong or right, and remember it."""
    faults: dict[str, str] = {}
    for fault in found:
        faults[fault.name] = "; ".join(filter(None, [faults.get(fault.name, ""), fault.reason]))
    for name in faults.keys() - before.faults.keys():
        step = f"condor-kvm-stage-genconfig --check says what to do ({STEPS[name]})"
        yield Message(f"No VM job starts here: {name}: {faults[name]}; {step}", ERROR)
    for name in before.faults.keys() - faults.keys():
        yield Message(f"{name} is in order again" + ("" if faults else ": VM jobs start here"), NOTICE)
    if faults.keys() != before.faults.keys() or not before.changed:
        before.changed = now
    before.faults = faults


def _attributes(found: list[Fault], there: guests.Guests, free: int | None, after: State) -> dict[str, Flat]:
    """Return the attributes of the slot ad, without the prefix that HTCondor adds."""
    attributes: dict[str, Flat] = {
        "Healthy": not found,
        "Failed": ",".join(after.faults),
        "Reason": "; ".join(after.faults.values()),
        "VMs": there.number,
        "VMMemory": there.memory,
        "Healed": after.healed,
        "Checked": int(time.time()),
        "Changed": after.changed,
    }
    return attributes if free is None else {**attributes, "ExecuteFree": free}
