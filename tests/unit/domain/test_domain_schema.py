"""Each definition that the builder prints is one by libvirt's own schema; a refusal is one by none."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import domain_xml
from support.domain import allowed_xml, fake_world, hostile_ads
from support.domain.fake_world import WORLDS, World
from support.domain.guests import GUESTS, guest
from support.libvirt_schema import Schema

pytestmark = pytest.mark.needs_libvirt_schema


@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
@pytest.mark.parametrize("name", GUESTS)
def test_definition_is_one_by_libvirts_schema(
    schema: Schema, name: str, architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain_xml, "_ARCHITECTURE", architecture)
    assert schema.fault(domain_xml.definition(GUESTS[name])) == ""


@settings(deadline=None)
@given(st.sampled_from(WORLDS), st.randoms(use_true_random=False))
def test_whatever_becomes_of_any_ad_is_one_or_a_refusal(schema: Schema, world: World, random: Random) -> None:
    with fake_world.building() as build:
        printed = build(world, hostile_ads.make(random))
    if allowed_xml.judge(printed, world).is_domain:
        event("domain")
        assert schema.fault(printed) == ""
    else:
        event("refusal")
        assert schema.fault(printed)  # libvirt does not start it


@pytest.mark.parametrize(
    ("sound", "other"),
    [
        ('type="file"', 'type="fileX"'),
        ("<target", "<targetX"),
        ('unit="MiB"', 'unit="MoB"'),
        ('relabel="no"', 'relabel="never"'),
        ("alice_worker_1.0", "alice\nworker"),
        ('dev="vda"', 'dev="/dev/vda"'),
    ],
)
def test_schema_sees_what_is_wrong(schema: Schema, sound: str, other: str) -> None:
    text = domain_xml.definition(guest()).decode()
    assert schema.fault(text.replace(sound, other, 1).encode())
