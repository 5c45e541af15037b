"""Which networks a node offers: those that the policy wants and the host has, with a reason for each other one."""

from __future__ import annotations

import pytest

from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed, not_tried, unknown
from condor_kvm_stage.genconfig.probes import (
    cpu,
    devices,
    environment,
    guest_user,
    htcondor,
    kvm,
    libvirt,
    memory,
    programs,
)
from condor_kvm_stage.genconfig.probes.collect import HostFacts
from condor_kvm_stage.genconfig.snippet.network import Offer, offer
from condor_kvm_stage.policy.model import NetworkPolicy

NO_NAT = "libvirt does not say that its network 'default' is active"
NO_PASST = "there is no program passt"


def facts(
    *,
    nat: Outcome = PASSED,
    passt: bool = True,
    libvirt_version: tuple[int, ...] = (12, 8, 0),
    htcondor_version: tuple[int, ...] = (25, 14, 1),
    interfaces: tuple[str, ...] = ("lo", "br0"),
    before: str = "",
) -> HostFacts:
    return HostFacts(
        cpu.parse("", "x86_64"),
        kvm.KvmDevice(True),
        memory.Memory(16000, 0, 1, None),
        environment.Environment(True, "", "", "disabled"),
        libvirt.Libvirt(PASSED, "libvirtd", libvirt_version, nat, passt),
        htcondor.Htcondor(PASSED, True, htcondor_version, {"VM_NETWORKING_TYPE": htcondor.Setting(before, "a file")}),
        devices.Devices(True, (), PASSED, "", interfaces),
        programs.Programs("", "", "", "", "", ()),
        guest_user.GuestUser(PASSED, PASSED),
    )


def wanted(*types: str, bridge: str = "") -> NetworkPolicy:
    network = NetworkPolicy()
    network.types = list(types)
    network.bridge = bridge
    return network


def test_default_policy_offers_nat_to_a_host_that_has_it() -> None:
    assert offer(facts(), NetworkPolicy(), guests_have_own_user=True) == Offer(("nat",), {})


def test_host_that_has_nothing_offers_nothing_and_says_why() -> None:
    found = offer(facts(nat=failed("it is not active"), passt=False), wanted("nat", "user"), guests_have_own_user=False)
    assert found == Offer((), {"nat": NO_NAT, "user": NO_PASST})


@pytest.mark.parametrize("answer", [unknown("virsh did not end within 20 s"), not_tried("libvirt does not answer")])
def test_libvirt_that_does_not_answer_changes_nothing(answer: Outcome) -> None:
    """A change would restart the startd, and the next answer would restart it again."""
    for before, types in (("nat", ("nat",)), ("user, nat", ("nat",)), ("user", ()), ("", ())):
        found = offer(facts(nat=answer, before=before), wanted("nat"), guests_have_own_user=True)
        assert found == Offer(types, {} if types else {"nat": NO_NAT})


def test_network_that_libvirt_says_is_not_active_is_not_offered_any_more() -> None:
    found = offer(facts(nat=failed("it is not active"), before="nat"), wanted("nat"), guests_have_own_user=True)
    assert found == Offer((), {"nat": NO_NAT})


def test_what_the_policy_does_not_want_is_not_offered_and_not_missing() -> None:
    assert offer(facts(), wanted(), guests_have_own_user=True) == Offer((), {})
    assert offer(
        facts(nat=failed("it is not active")), wanted("user", bridge="br0"), guests_have_own_user=False
    ) == Offer(("user",), {})


@pytest.mark.parametrize(
    ("libvirt_version", "htcondor_version", "reason"),
    [
        ((9, 0, 0), (25, 12, 0), ""),
        ((8, 10, 0), (25, 12, 0), "it needs libvirt 9.0.0, here is 8.10.0"),
        ((), (25, 12, 0), "it needs libvirt 9.0.0, here is an unknown version"),
        ((12, 8, 0), (25, 11, 9), "it needs HTCondor 25.12.0, here is 25.11.9"),
        ((12, 8, 0), (23, 9, 6), "it needs HTCondor 25.12.0, here is 23.9.6"),
        ((12, 8, 0), (), "it needs HTCondor 25.12.0, here is an unknown version"),
    ],
)
def test_user_mode_needs_versions_that_know_it(
    libvirt_version: tuple[int, ...], htcondor_version: tuple[int, ...], reason: str
) -> None:
    found = offer(
        facts(libvirt_version=libvirt_version, htcondor_version=htcondor_version),
        wanted("user"),
        guests_have_own_user=False,
    )
    assert found == (Offer((), {"user": reason}) if reason else Offer(("user",), {}))


def test_first_type_is_the_policys_first_that_the_host_has() -> None:
    """It becomes VM_NETWORKING_DEFAULT_TYPE."""
    policy = wanted("nat", "user", "bridge", bridge="br0")
    assert offer(facts(), policy, guests_have_own_user=False).types == ("nat", "user", "bridge")
    assert offer(facts(nat=failed("it is not active")), policy, guests_have_own_user=False).types == ("user", "bridge")


@pytest.mark.parametrize(
    ("bridge", "expected"),
    [
        ("br0", Offer(("bridge",), {}, "br0")),
        ("br1", Offer((), {"bridge": "the host has no interface br1"})),
        ("", Offer((), {"bridge": "the policy names no network.bridge"})),
    ],
)
def test_bridge_is_the_policys_and_must_be_there(bridge: str, expected: Offer) -> None:
    assert offer(facts(), wanted("bridge", bridge=bridge), guests_have_own_user=True) == expected


def test_user_mode_is_not_for_guests_that_have_their_own_user() -> None:
    found = offer(facts(), wanted("user", "nat"), guests_have_own_user=True)
    assert found.types == ("nat",)
    assert "guest.guarded = false" in found.missing["user"]
