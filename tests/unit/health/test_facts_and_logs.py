"""Guest facts that are not those of the node; libvirt's logs of guests that are long gone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from condor_kvm_stage import guest_facts, installed
from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, unknown
from condor_kvm_stage.genconfig.probes import guest_support
from condor_kvm_stage.genconfig.probes.guest_support import GuestSupport
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.health import facts, logs
from condor_kvm_stage.health.state import State
from condor_kvm_stage.policy.model import Policy
from support.fake_host import write
from unit.health.conftest import WatchedNode

NOW = 10**9


class Probe:
    """What the probe of libvirt and QEMU finds. asked: how often."""

    def __init__(self, found: GuestFacts, capabilities: Outcome = PASSED) -> None:
        self.found, self.capabilities, self.asked = found, capabilities, 0

    def __call__(self, host: object) -> GuestSupport:
        self.asked += 1
        return GuestSupport(self.found, self.capabilities, PASSED)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    found = Probe(GuestFacts("host-passthrough", uefi=True))
    monkeypatch.setattr(guest_support, "probe", found)
    monkeypatch.setattr(facts, "_networks", lambda host, policy: (("bridge",), "br0"))
    return found


def put(node: WatchedNode, text: str) -> None:
    write(node.host.root, installed.GUEST_FACTS.lstrip("/"), text)


def there(node: WatchedNode) -> GuestFacts | None:
    return guest_facts.of_text(node.host.text(installed.GUEST_FACTS) or "")


def test_facts_that_differ_are_written_anew_and_keep_their_networks(node: WatchedNode, probe: Probe) -> None:
    put(node, guest_facts.to_bytes(GuestFacts("host-model", networks=["nat"])).decode())
    faults, done = facts.compare(node.host, Policy(), State(), heal=True)
    assert faults == []
    assert "cpu_mode was 'host-model', is 'host-passthrough', uefi was False, is True" in done
    assert there(node) == GuestFacts("host-passthrough", uefi=True, networks=["nat"])


@pytest.mark.parametrize("text", ["", "no JSON", json.dumps({"networks": "none"})])
def test_facts_that_are_gone_or_broken_are_written_anew_with_the_networks_of_the_snippet(
    node: WatchedNode, probe: Probe, text: str
) -> None:
    put(node, text)
    assert facts.compare(node.host, Policy(), State(), heal=True)[1].endswith("there were none")
    assert there(node) == GuestFacts("host-passthrough", uefi=True, networks=["bridge"], bridge="br0")


def test_without_healing_they_are_a_fault_and_stay(node: WatchedNode, probe: Probe) -> None:
    before = there(node)
    (fault,), done = facts.compare(node.host, Policy(), State(), heal=False)
    assert (fault.name, done) == ("guest-facts", "")
    assert "uefi was False, is True" in fault.reason
    assert there(node) == before


def test_what_libvirt_does_not_say_is_no_fault_and_asked_again(node: WatchedNode, probe: Probe) -> None:
    probe.capabilities = unknown("virsh did not end within 20 s")
    state = State()
    for asked in (1, 2):
        assert facts.compare(node.host, Policy(), state, heal=True) == ([], "")
        assert probe.asked == asked
    state.faults = {"guest-facts": "they differ"}
    assert [fault.reason for fault in facts.compare(node.host, Policy(), state, heal=True)[0]] == ["they differ"]


def test_node_is_asked_only_when_something_has_changed(node: WatchedNode, probe: Probe) -> None:
    state = State()
    facts.compare(node.host, Policy(), state, heal=True)
    for _ in range(3):
        facts.compare(node.host, Policy(), state, heal=True)
    assert probe.asked == 1
    write(node.host.root, "usr/sbin/libvirtd", "another version")
    facts.compare(node.host, Policy(), state, heal=True)
    assert probe.asked == 2


def log(node: WatchedNode, name: str, text: str, days: float) -> Path:
    write(node.host.root, f"{installed.GUEST_LOGS}/{name}".lstrip("/"), text)
    path = node.host.path(f"{installed.GUEST_LOGS}/{name}")
    os.utime(path, (NOW - days * 86400,) * 2)
    return path


ARGUMENTS = "-blockdev {'filename':'/var/lib/condor/execute/dir_7/scratch.condor-kvm-stage/disk.qcow2'}\n"


def test_only_old_logs_of_jobs_guests_that_are_gone_are_removed(node: WatchedNode) -> None:
    removed = [log(node, name, ARGUMENTS, 8) for name in ("alice_worker_1.0.log", "alice_worker_1.0.log.0")]
    kept = [
        log(node, "alice_worker_2.0.log", ARGUMENTS, 6),
        log(node, "web.log", "-blockdev {'filename':'/srv/web.qcow2'}\n", 100),
        log(node, "alice_worker_3.0.log", ARGUMENTS, 8),
        log(node, "alice_worker_4.0.log", ARGUMENTS, 8),
        log(node, "notes", ARGUMENTS, 100),
    ]
    write(node.host.root, "run/libvirt/qemu/alice_worker_3.0.xml", "")
    write(node.host.root, "etc/libvirt/qemu/alice_worker_4.0.xml", "")
    assert logs.remove_old(node.host, NOW) == [f"{installed.GUEST_LOGS}/{path.name}" for path in removed]
    assert not any(path.exists() for path in removed)
    assert all(path.exists() for path in kept)


def test_profile_of_apparmors_goes_with_the_log_unless_its_guest_runs_or_is_defined(node: WatchedNode) -> None:
    gone, runs, defined, other = (f"{number}b8c0cf0-0a3f-4d2e-9f5a-0c5f3c9b1d2e" for number in range(1, 5))
    profiles = {uuid: f"etc/apparmor.d/libvirt/libvirt-{uuid}" for uuid in (gone, runs, defined, other)}
    for path in (*profiles.values(), f"{profiles[runs]}.files"):
        write(node.host.root, path, "profile")
    write(node.host.root, "etc/libvirt/qemu/web.xml", f"<domain><name>web</name><uuid>{defined}</uuid></domain>")
    log(node, "alice_worker_1.0.log", "".join(f"qemu -uuid {uuid} {ARGUMENTS}" for uuid in (gone, runs, defined)), 8)
    log(node, "alice_worker_2.0.log", f"qemu -uuid {other} {ARGUMENTS}", 6)
    logs.remove_old(node.host, NOW)
    assert {uuid for uuid, path in profiles.items() if (node.host.root / path).exists()} == {runs, defined, other}
