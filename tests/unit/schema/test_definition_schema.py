"""Each definition that the builder prints is one by libvirt's own schema; a refusal is one by none."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from unit.domain import allowed, hostile_ads, worlds
from unit.domain.guests import GUESTS, guest
from unit.domain.worlds import WORLDS, World
from unit.schema.libvirts import Schema

from condor_kvm_stage.domain import domain_xml


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
    with worlds.building() as build:
        printed = build(world, hostile_ads.make(random))
    if allowed.judge(printed, world).is_domain:
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
