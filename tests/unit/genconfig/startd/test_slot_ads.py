"""A startd's slot ads, as printed by condor_status: partitionable and static slots, idle and claimed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, failed, unknown
from condor_kvm_stage.genconfig.probes.htcondor import Htcondor, Setting
from condor_kvm_stage.genconfig.startd.slot_ads import SlotAds, ask, of
from support.fake_host import FakeHost

NODE = Htcondor(PASSED, True, (25, 14, 1), {"FULL_HOSTNAME": Setting("node.example.org", "<Detected>")})
START = r"/Expr((true) && (TARGET.JobUniverse isnt 13 || VmJobDisksAreAllowed))/"


def slot(name: str, state: str = "Unclaimed", kind: str = "Partitionable", **attributes: object) -> dict[str, Any]:
    """A slot of a node with 10000 MiB for at most 4 virtual machines, with 6000 MiB and 3 machines free."""
    return {
        "HasFileTransferPluginMethods": "data,ftp,http,https,nfs",
        "HasVM": True,
        "Name": f"{name}@node.example.org",
        "SlotType": kind,
        "Start": START,
        "State": state,
        "VM_AvailNum": 3,
        "VM_Memory": 6000,
        "VM_Networking": True,
        "VM_Networking_Types": "user, nat",
        **attributes,
    }


def machine(name: str, memory: int = 4000, **attributes: object) -> dict[str, Any]:
    """A dynamic slot in which a virtual machine runs."""
    return slot(name, "Claimed", "Dynamic", VM_Guest_Mem=memory, **attributes)


def test_partitionable_slot_has_what_its_machines_use_besides_what_is_free() -> None:
    assert of([slot("slot1"), machine("slot1_1"), slot("slot1_2", "Claimed", "Dynamic", Start="x")]) == SlotAds(
        has_vm=True,
        vm_memory=10000,
        vm_number=4,
        network_types=("nat", "user"),
        methods=frozenset({"data", "ftp", "http", "https", "nfs"}),
        start=(START,),
        claimed=("slot1_1@node.example.org", "slot1_2@node.example.org"),
    )


def test_order_of_the_ads_does_not_matter() -> None:
    ads = [slot("slot1"), machine("slot1_1"), machine("slot1_2", 1000)]
    assert of(ads[::-1]).vm_memory == of(ads).vm_memory == 11000
    assert of(ads[::-1]).start == (START,)


def test_static_slots_each_say_what_is_free_on_the_node() -> None:
    ads = [slot(f"slot{n}", kind="Static", Start=start) for n, start in enumerate("bab", 1)]
    ads += [slot("slot4", "Claimed", "Static", VM_Guest_Mem=4000, Start="a")]
    found = of(ads)
    assert (found.vm_memory, found.vm_number, found.start) == (10000, 4, ("a", "b"))
    assert found.claimed == ("slot4@node.example.org",)


@pytest.mark.parametrize("free", [10000, 10001])
def test_node_without_a_largest_number_has_none(free: int) -> None:
    assert of([slot("slot1", VM_AvailNum=free), machine("slot1_1")]).vm_number is None


@pytest.mark.parametrize(
    ("state", "claimed"),
    [
        ("Owner", False),
        ("Unclaimed", False),
        ("Drained", False),
        ("Matched", True),
        ("Claimed", True),
        ("Preempting", True),
        ("Backfill", True),
    ],
)
def test_slot_with_a_job_or_promised_to_one_is_claimed(state: str, claimed: bool) -> None:
    assert bool(of([slot("slot1", state)]).claimed) is claimed


VM_ATTRIBUTES = ("VM_AvailNum", "VM_Guest_Mem", "VM_Memory", "VM_Networking", "VM_Networking_Types")


@pytest.mark.parametrize(
    "ad",
    [
        {},
        {"HasVM": False},
        # HTCondor prints undefined so,
        {**dict.fromkeys(slot("slot1")), "VM_Guest_Mem": None},
        # and what it did not evaluate so
        dict.fromkeys(["HasVM", *VM_ATTRIBUTES], "/Expr(error)/"),
    ],
)
def test_attributes_that_are_undefined_are_nothing(ad: dict[str, Any]) -> None:
    assert of([ad]) == SlotAds(vm_number=0, start=("",))


@pytest.mark.parametrize("networking", [False, None])
def test_types_count_only_with_networking(networking: bool | None) -> None:
    """HTCondor still advertises VM_Networking_Types."""
    assert of([slot("slot1", VM_Networking=networking)]).network_types == ()


def test_collector_is_asked_for_this_node_only(tmp_path: Path) -> None:
    printed = json.dumps([slot("slot1")], indent=0).replace("/", r"\/")
    host = FakeHost(tmp_path, programs={"/usr/bin/condor_status": Answer(0, f"{printed}\n")})
    assert ask(host, NODE) == of([slot("slot1")])
    ((program, *arguments),) = host.asked
    assert (program, arguments[:3]) == ("condor_status", ["-json", "-constraint", 'Machine == "node.example.org"'])
    assert arguments[3] == "-attributes"
    assert set(arguments[4].split(",")) >= {*slot("slot1"), "VM_Guest_Mem"}


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (
            Answer(1, "", "Error: communication error\nCEDAR:6001:Failed to connect to <127.0.0.1:9618>\n"),
            "cannot query the collector: CEDAR:6001:Failed to connect to <127.0.0.1:9618>",
        ),
        (
            Answer(-1, fault="condor_status did not end within 5 s"),
            "cannot query the collector: condor_status did not end within 5 s",
        ),
        (Answer(0, ""), "the collector has no slot of node.example.org"),
        (Answer(0, "\n"), "the collector has no slot of node.example.org"),
        (Answer(0, "[\n]\n"), "the collector has no slot of node.example.org"),
        (
            Answer(0, '[\n{\n  "HasVM": tr'),
            "condor_status printed invalid JSON: Expecting value: line 3 column 12 (char 15)",
        ),
    ],
)
def test_collector_that_has_no_ads_is_a_fault(tmp_path: Path, answer: Answer, fault: str) -> None:
    assert ask(FakeHost(tmp_path, programs={"/usr/bin/condor_status": answer}), NODE) == SlotAds(
        unknown(fault) if answer.late else failed(fault)
    )


@pytest.mark.parametrize(
    ("htcondor", "fault"),
    [
        (Htcondor(failed("no program condor_config_val"), False, ()), "no program condor_config_val"),
        (Htcondor(PASSED, True, ()), "HTCondor does not know this host's name"),
    ],
)
def test_without_a_name_nobody_is_asked(tmp_path: Path, htcondor: Htcondor, fault: str) -> None:
    host = FakeHost(tmp_path)
    assert ask(host, htcondor) == SlotAds(failed(fault))
    assert host.asked == []


def test_slot_of_a_job_that_is_gone_does_not_count() -> None:
    """The collector keeps such ads for up to 15 minutes; the partitionable slot names those that exist."""
    partitionable = slot("slot1", ChildName=["slot1_1@node.example.org"])
    found = of([partitionable, machine("slot1_1"), machine("slot1_5"), machine("slot1_6")])
    assert (found.vm_memory, found.vm_number, found.claimed) == (10000, 4, ("slot1_1@node.example.org",))
    assert of([slot("slot1", ChildName=[]), machine("slot1_5")]).claimed == ()


def test_startd_that_has_just_started_is_not_judged_by_the_slots_of_the_one_before() -> None:
    found = of([machine("slot1_1")])
    assert found.unsettled
    assert (found.query, found.has_vm, found.claimed) == (PASSED, False, ())


def test_job_that_is_just_ending_does_not_count_twice_for_good() -> None:
    ending = slot("slot1_1", "Preempting", "Dynamic", VM_Guest_Mem=64)
    assert of([slot("slot1"), ending]).unsettled == "a job is starting or ending (slot1_1@node.example.org)"
    assert of([slot("slot1"), machine("slot1_1")]).unsettled == ""


def test_slot_of_a_job_whose_ad_has_gone_first_is_not_taken_for_memory_that_is_not_offered() -> None:
    """Each slot has an ad of its own, and the partitionable slot's comes later."""
    partitionable = slot("slot1", ChildName=["slot1_1@node.example.org", "slot1_2@node.example.org"])
    assert of([partitionable, machine("slot1_1")]).unsettled == "a job is starting or ending (slot1_2@node.example.org)"
    assert of([partitionable, machine("slot1_1"), machine("slot1_2")]).unsettled == ""


@pytest.mark.parametrize(
    ("attributes", "drained"),
    [({}, False), ({"Draining": True}, True), ({"Draining": False}, False), ({"State": "Drained"}, True)],
)
def test_slot_that_accepts_no_jobs_is_drained(attributes: dict[str, Any], drained: bool) -> None:
    assert of([{**slot("slot1"), **attributes}]).drained == (("slot1@node.example.org",) if drained else ())


def test_each_startd_of_a_host_has_its_own_slots() -> None:
    second = {**slot("slot1"), "Name": "slot1@second@node.example.org"}
    of_second = {**machine("slot1_1"), "Name": "slot1_1@second@node.example.org"}
    found = of([of_second, second, slot("slot1"), machine("slot1_1", 1000)])
    assert (found.vm_memory, found.others) == (7000, ("second@node.example.org",))


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*slot("slot1"), "VM_Guest_Mem"]),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        ),
        min_size=1,
    )
)
def test_any_ads_have_a_meaning(ads: list[dict[str, Any]]) -> None:
    found = of(ads)
    assert found.query.passed
    assert len(found.claimed) <= len(ads)
