"""The startd is asked to put a job on hold by its slot's attributes, and only if its settings are the snippet's."""

from __future__ import annotations

import time
from collections.abc import Callable

import classad2
import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.gahp import hold
from condor_kvm_stage.host import Host


class Node(Host):
    """Notes what HTCondor's programs are given."""

    def __init__(self, **settings: str) -> None:
        super().__init__()
        self.settings = settings
        self.given = ""

    def start(self, *command: str, given: str = "", **_options: object) -> Callable[[], Answer]:
        self.given = given
        setting = self.settings.get(command[-1], "")
        return lambda: Answer(0 if setting or given else 1, f"{setting}\n")


OURS = dict.fromkeys(("PREEMPT", "MAXJOBRETIREMENTTIME", "WANT_HOLD", "WANT_HOLD_REASON"), "x(KvmStageHoldUntil_) || y")


@pytest.fixture(autouse=True)
def _slot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_CONDOR_SLOT", "slot1_2")


@pytest.mark.needs_classad2
def test_any_reason_is_one_string_of_the_slot_ad() -> None:
    node = Node()
    assert hold.ask(node, "12.0", 'say "x"\n] ; Owner = "root\\')
    ad = classad2.parseOne(node.given)
    assert set(ad) == {f"KvmStageHold{name}_slot1_2" for name in ("Until", "Job", "Reason")}
    assert ad["KvmStageHoldReason_slot1_2"] == "say 'x'/n] ; Owner = 'root/"
    assert time.time() < ad["KvmStageHoldUntil_slot1_2"] <= time.time() + 90


def test_what_was_asked_is_withdrawn() -> None:
    node = Node()
    assert hold.ask(node, "12.0", "")
    assert node.given.splitlines() == [
        "KvmStageHoldUntil_slot1_2 = 0",
        'KvmStageHoldJob_slot1_2 = ""',
        'KvmStageHoldReason_slot1_2 = ""',
    ]


def test_it_is_possible_with_the_settings_of_the_snippet() -> None:
    assert hold.is_possible(Node(**OURS))


@pytest.mark.parametrize("name", OURS)
def test_it_is_not_if_the_site_has_replaced_one(name: str) -> None:
    assert not hold.is_possible(Node(**{**OURS, name: "False"}))


@pytest.mark.parametrize("slot", ["", "slot 1", "slot1@worker", "x=1"])
def test_it_is_not_in_a_slot_whose_name_is_no_attributes(monkeypatch: pytest.MonkeyPatch, slot: str) -> None:
    monkeypatch.setenv("_CONDOR_SLOT", slot)
    assert not hold.is_possible(Node(**OURS))
