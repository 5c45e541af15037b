"""A guest's address: of what virsh prints, only what is an address that others can reach; it is told once."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.gahp import guest_address
from condor_kvm_stage.leftovers import virsh
from condor_kvm_stage.leftovers.guest_status import GuestStatus
from condor_kvm_stage.leftovers.metadata import JobRef

UUID = "0c6b0a9e-0000-0000-0000-000000000001"
LEASES = """\
 vnet0      52:54:00:12:34:5f    ipv4         192.168.122.57/24

"""
AGENT = """\
 lo         00:00:00:00:00:00    ipv4         127.0.0.1/8
 -          -                    ipv6         ::1/128
 ens3       52:54:00:12:34:5f    ipv6         fe80::5054:ff:fe12:345f/64
 -          -                    ipv6         2001:db8:17::5/64
 -          -                    ipv4         10.1.2.3/16
"""


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (LEASES, "192.168.122.57"),
        (AGENT, "10.1.2.3"),
        (AGENT.replace("10.1.2.3/16", "169.254.1.1/16"), "2001:db8:17::5"),
        ("", ""),
        ("vnet0 52:54:00:12:34:5f ipv4 N/A", ""),
        ("eth0 00:00:00:00:00:00 ipv4 127.0.0.1/8", ""),
        ("eth0 x ipv4 0.0.0.0/0", ""),
        ("eth0 x ipv4 224.0.0.1/4 eth0 x ipv4 255.255.255.255/32", ""),
        ("eth0 x ipv4 999.1.1.1/8", ""),
        ('eth0 x ipv4 10.0.0.1"||true/8', ""),
        ("eth0 x ipv4 10.0.0.1/8;id", ""),
        ("eth0 x ipv6 fe80::1%eth0/64", ""),
        ("2001:db8::1%evil/64", ""),
        ("10.0.0.1", ""),
        ("x " * 100_000 + "10.0.0.1/8", ""),
    ],
)
def test_address_is_one_that_others_can_reach_or_none(printed: str, expected: str) -> None:
    assert guest_address.address(printed) == expected


def status(kind: str) -> GuestStatus:
    text = f"<domain><devices>{kind and f'<interface type={kind!r}/>'}</devices></domain>"
    return GuestStatus("g", UUID, JobRef("/s", 1, 1), 1, "running", "booted", ElementTree.fromstring(text))


def test_guest_that_nobody_can_reach_is_not_asked_about() -> None:
    assert [kind for kind in ("", "network", "bridge", "user") if guest_address.is_reachable(status(kind))] == [
        "network",
        "bridge",
    ]


@pytest.mark.parametrize(
    ("kind", "answers", "asked", "told"),
    [
        ("network", {"lease": [LEASES]}, {"lease"}, ["192.168.122.57"]),
        ("network", {"lease": ["", "", LEASES]}, {"lease"}, ["192.168.122.57"]),
        ("network", {"lease": [LEASES, LEASES.replace("57", "58")]}, {"lease"}, ["192.168.122.57", "192.168.122.58"]),
        ("bridge", {"agent": [AGENT]}, {"agent"}, ["10.1.2.3"]),
        ("bridge", {"agent": [""], "arp": [LEASES]}, {"agent", "arp"}, ["192.168.122.57"]),
        ("bridge", {}, {"agent", "arp"}, []),
    ],
)
def test_each_address_is_told_once_until_the_guest_ends(
    monkeypatch: pytest.MonkeyPatch, kind: str, answers: dict[str, list[str]], asked: set[str], told: list[str]
) -> None:
    """answers: by source, the last one again and again; without one, virsh fails."""
    monkeypatch.setattr(guest_address, "_FIRST", 0.05)
    monkeypatch.setattr(guest_address, "_LONGEST", 0.05)
    seen: set[str] = set()
    limited: set[tuple[str, ...]] = set()

    def run(host: object, timeout: float, *words: str) -> Answer:
        assert words[1] == UUID
        if words[0] == "guest-agent-timeout":
            limited.add(words[2:])
            return Answer(0, "")
        assert (words[0], words[2]) == ("domifaddr", "--source")
        assert words[3] != "agent" or limited, "libvirt would wait for its answer as long as it likes"
        seen.add(words[3])
        left = answers.get(words[3], [])
        text = left.pop(0) if len(left) > 1 else "".join(left)
        return Answer(0 if text else 1, text)

    monkeypatch.setattr(virsh, "run", run)
    heard: list[str] = []
    with subprocess.Popen(["sleep", "1"]) as qemu:
        process = os.pidfd_open(qemu.pid)
        guest_address.watch(status(kind), process, heard.append)
        os.close(process)
    assert (seen, heard) == (asked, told)
    assert limited == ({("--timeout", "5")} if "agent" in asked else set())


def test_agent_for_whose_answer_libvirt_would_wait_for_ever_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_address, "_FIRST", 0.05)
    seen: set[str] = set()

    def run(host: object, timeout: float, *words: str) -> Answer:
        seen.add(words[-1])
        return Answer(1, "error: failed to connect to the hypervisor")

    monkeypatch.setattr(virsh, "run", run)
    with subprocess.Popen(["sleep", "0.5"]) as qemu:
        process = os.pidfd_open(qemu.pid)
        guest_address.watch(status("bridge"), process, lambda address: None)
        os.close(process)
    assert seen == {"5", "arp"}


def test_questions_become_rare() -> None:
    pauses, pause = 0.0, guest_address._FIRST
    for _ in range(30):
        pauses += pause
        pause = min(pause * guest_address._FACTOR, guest_address._LONGEST)
    assert pause == guest_address._LONGEST
    assert pauses > 3600, "thirty times in an hour, and no more"


def test_page_names_the_attribute() -> None:
    page = Path(__file__).parents[3] / "packaging/man/condor-kvm-stage-submit.7.rst"
    assert f"*{guest_address.ATTRIBUTE}*" in page.read_text(encoding="utf-8")
