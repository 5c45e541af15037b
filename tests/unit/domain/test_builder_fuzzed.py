"""Whatever is in a job's ad, it becomes a guest with nothing but what policy allows, or a refusal. See make fuzz."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from support.domain import allowed_xml, fake_world, hostile_ads, real_builder
from support.domain.fake_world import WORLDS, World
from support.domain.job_ads import ad_of

Build = Callable[[World, bytes], bytes]
slow = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture
def build() -> Iterator[Build]:
    with fake_world.building() as building:
        yield building


@pytest.fixture
def build_really() -> Iterator[Callable[[World, bytes], tuple[bytes, World]]]:
    # not in /tmp, to which all can write
    with tempfile.TemporaryDirectory(dir="/run") as directory:
        Path(directory).chmod(0o755)
        with real_builder.building(Path(directory)) as building:
            yield building


@slow
@given(st.sampled_from(WORLDS), st.randoms(use_true_random=False))
def test_any_ad_becomes_a_guest_that_policy_allows_or_a_refusal(build: Build, world: World, random: Random) -> None:
    outcome = allowed_xml.judge(build(world, hostile_ads.make(random)), world)
    event("domain" if outcome.is_domain else "refusal")


@slow
@given(st.sampled_from(WORLDS), st.binary(max_size=300))
def test_any_bytes_become_a_refusal(build: Build, world: World, data: bytes) -> None:
    assert not allowed_xml.judge(build(world, data), world).is_domain


@pytest.mark.skipif(os.geteuid() != 0, reason="only root defines another user's guest")
@settings(slow, max_examples=20)
@given(st.sampled_from(WORLDS), st.randoms(use_true_random=False))
def test_any_ad_becomes_a_guest_of_the_files_that_there_are_or_a_refusal(
    build_really: Callable[[World, bytes], tuple[bytes, World]], world: World, random: Random
) -> None:
    outcome = allowed_xml.judge(*build_really(world, hostile_ads.make(random)))
    event("domain" if outcome.is_domain else "refusal")


def test_ads_are_such_that_much_is_tried(build: Build) -> None:
    """Else all of this would be in vain: each kind of outcome is there, and the attacks reach what they are for."""
    random, outcomes, reasons, disks = Random(1), Counter[bool](), set[str](), Counter[int]()
    for number in range(3000):
        world = WORLDS[number % len(WORLDS)]
        outcome = allowed_xml.judge(build(world, hostile_ads.make(random)), world)
        outcomes[outcome.is_domain] += 1
        disks[outcome.disks] += 1
        reasons.add(outcome.reason)
    assert outcomes[True] > 800
    assert outcomes[False] > 800
    assert all(disks[number] > 20 for number in (1, 2, 3))
    for words in (
        *["more than once", "must be a plain string", "must be a whole number", "must be true or false"],
        *["one that the job has brought", "the device must be", "the permission must be", "the format must be"],
        *["wants a network", "this node offers", "write a unicast address", "wants a screen", "wants checkpoints"],
        "wants its files in the guest",
        *["is not a valid name for a virtual machine", "no disk", "JobVMType is not", "vm_vcpus is", "twice"],
    ):
        assert any(words in reason for reason in reasons), words


FORBIDDEN = [
    ('<domain type="kvm"', '<domain xmlns:qemu="http://libvirt.org/schemas/domain/qemu/1.0" qemu:x="1" type="kvm"'),
    ("<backingStore />", "<!-- end -->"),
    ('model="dac" relabel="no"', 'model="dac" relabel="yes"'),
    ("/srv/images/base.qcow2", "/etc/shadow"),
    ("<on_reboot>restart", "<on_reboot>destroy</on_reboot><emulator>/bin/sh</emulator><on_reboot>restart"),
    ('<channel type="unix">', '<channel type="unix"><source mode="bind" path="/etc/x" />'),
    ("/disk.qcow2", "/../disk.qcow2"),
    ("</devices>", '<hostdev mode="subsystem" type="usb" /></devices>'),
    ("</devices>", '<filesystem type="mount"><source dir="/" /></filesystem></devices>'),
    ("</devices>", '<interface type="bridge"><source bridge="br0" /></interface></devices>'),
    ("</devices>", '<graphics type="vnc" autoport="yes" listen="127.0.0.1" /></devices>'),
    ("hvm", "hvm<loader>/etc/x</loader>"),
]


@pytest.mark.parametrize(("sound", "other"), FORBIDDEN)
def test_judge_sees_what_must_not_be_there(build: Build, sound: str, other: str) -> None:
    text = build(WORLDS[0], ad_of()).decode()
    assert allowed_xml.judge(text.encode(), WORLDS[0]).is_domain
    changed = text.replace(sound, other, 1)
    assert changed != text
    with pytest.raises((AssertionError, ValueError, KeyError)):
        allowed_xml.judge(changed.encode(), WORLDS[0])
