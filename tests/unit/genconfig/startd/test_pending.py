"""Which changes need a restart of the startd: differences in settings that it reads only when it starts."""

from __future__ import annotations

import pytest

from condor_kvm_stage.genconfig.outcome import PASSED
from condor_kvm_stage.genconfig.probes.htcondor import Htcondor, Setting
from condor_kvm_stage.genconfig.snippet.network import Offer
from condor_kvm_stage.genconfig.snippet.sizing import Sizing
from condor_kvm_stage.genconfig.snippet.values import Values
from condor_kvm_stage.genconfig.startd.pending import for_restart, guarded, in_force
from condor_kvm_stage.genconfig.startd.slot_ads import SlotAds


def values(no_vm: str = "", memory: int = 5000, number: int = 4, types: tuple[str, ...] = ("user", "nat")) -> Values:
    return Values(no_vm, [], Sizing(memory, number), Offer(types, {}), "", "", {"DiskOk": "…", "SizeOk": "…"})


NO_VM = values("cannot open /dev/kvm")
RUNNING = SlotAds(PASSED, True, 5000, 4, ("nat", "user"), frozenset({"nfs"}), ("DiskOk && SizeOk",))


def test_startd_that_has_all_of_it_needs_no_restart() -> None:
    assert for_restart(values(), RUNNING) == []


def test_node_without_virtual_machines_needs_no_restart_for_their_settings() -> None:
    assert for_restart(NO_VM, SlotAds(vm_number=0)) == []


def test_virtual_machines_that_come_or_go_are_one_difference() -> None:
    assert for_restart(values(), SlotAds(vm_number=0)) == ["HasVM is false, and is to be true"]
    assert for_restart(NO_VM, RUNNING) == ["HasVM is true, and is to be false"]


@pytest.mark.parametrize(
    ("wanted", "difference"),
    [
        (values(memory=6000), "VM_Memory is 5000, and is to be 6000"),
        (values(number=2), "the number of virtual machines is 4, and is to be 2"),
        (values(types=("nat",)), "VM_Networking_Types is nat, user, and is to be nat"),
        (values(types=()), "VM_Networking_Types is nat, user, and is to be none"),
    ],
)
def test_each_setting_is_a_difference_of_its_own(wanted: Values, difference: str) -> None:
    assert for_restart(wanted, RUNNING) == [difference]


@pytest.mark.parametrize(("number", "shown"), [(None, "unlimited"), (0, "0")])
def test_no_limit_is_told_from_none_left(number: int | None, shown: str) -> None:
    advertised = SlotAds(PASSED, True, 6000, number)
    assert for_restart(values(memory=6000, types=()), advertised) == [
        f"the number of virtual machines is {shown}, and is to be 4"
    ]


def test_all_differences_are_told() -> None:
    assert len(for_restart(values(memory=1, number=1, types=("bridge",)), RUNNING)) == 3


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (("(true) && MY.DiskOk && MY.SizeOk",), True),
        (("MY.DiskOk && MY.SizeOk", "MY.SizeOk && X && MY.DiskOk"), True),
        (("MY.DiskOk && MY.SizeOk", "true"), False),  # SLOT_TYPE_2_START
        (("MY.DiskOk",), False),
        (("",), False),
        ((), False),
    ],
)
def test_node_is_guarded_only_if_each_kind_of_slot_has_each_condition(start: tuple[str, ...], expected: bool) -> None:
    assert guarded(values(), SlotAds(start=start)) is expected


def local(**settings: str) -> Htcondor:
    """HTCondor with these settings in a file that it reads later than the snippet."""
    origin = "/etc/condor/config.d/60-local.conf, line 1"
    return Htcondor(PASSED, True, (25,), {name: Setting(value, origin) for name, value in settings.items()})


def test_vm_universe_that_another_file_switches_off_is_not_waited_for() -> None:
    assert for_restart(in_force(values(), local(VM_TYPE="")), SlotAds(vm_number=0)) == []
    assert for_restart(in_force(values(), local(VM_TYPE="KVM")), RUNNING) == []


@pytest.mark.parametrize("number", [10000, 20000])
def test_largest_number_that_htcondor_shows_as_no_limit_is_reached(number: int) -> None:
    assert for_restart(values(number=number), SlotAds(PASSED, True, 5000, None, ("nat", "user"))) == []
    assert for_restart(in_force(values(), local(VM_MAX_NUMBER=str(number))), RUNNING) == [
        "the number of virtual machines is 4, and is to be unlimited"
    ]


@pytest.mark.parametrize("value", ["True", "T", "1"])
def test_networking_is_switched_on_in_each_of_htcondors_ways(value: str) -> None:
    settings = local(VM_NETWORKING=value, VM_NETWORKING_TYPE="nat, user")
    assert for_restart(in_force(values(), settings), RUNNING) == []


def test_largest_number_of_0_is_no_limit() -> None:
    settings = local(VM_MAX_NUMBER="0")
    assert for_restart(in_force(values(), settings), SlotAds(PASSED, True, 5000, None, ("nat", "user"))) == []
