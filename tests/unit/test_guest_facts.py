"""What is left to the programs that define guests: what the generator wrote, or what most hosts can do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from condor_kvm_stage import guest_facts, installed, selinux
from condor_kvm_stage.failures import NodeError
from condor_kvm_stage.guest_facts import CPU_MODES, GuestFacts

WORDS = st.lists(st.text(max_size=20), max_size=3)
ANY = st.builds(
    GuestFacts, st.sampled_from(CPU_MODES), st.booleans(), WORDS, WORDS, st.text(max_size=15), WORDS, st.booleans()
)
JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=3)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the facts are left."""
    path = tmp_path / "guest"
    monkeypatch.setattr(installed, "GUEST_FACTS", str(path))
    return path


def test_without_the_generators_answer_a_host_is_like_most() -> None:
    assert GuestFacts() == GuestFacts("host-model", True, ["dac"], [], "", [], False, "", "")


def test_what_is_left_is_json_for_whoever_looks(path: Path) -> None:
    left = GuestFacts(
        *("host-passthrough", False, ["selinux", "dac"], ["nat", "bridge"], "br0", ["arch-capabilities"], True),
        *("u:r:t:s0", "/usr/libexec/virtiofsd"),
    )
    path.write_bytes(guest_facts.to_bytes(left))
    assert json.loads(path.read_text()) == {
        "cpu_mode": "host-passthrough",
        "ide": False,
        "security_models": ["selinux", "dac"],
        "networks": ["nat", "bridge"],
        "bridge": "br0",
        "cpu_without": ["arch-capabilities"],
        "uefi": True,
        "selinux": "u:r:t:s0",
        "virtiofsd": "/usr/libexec/virtiofsd",
    }
    assert path.read_text().endswith("\n")
    assert guest_facts.load() == left


@settings(suppress_health_check=list(HealthCheck))
@given(ANY)
def test_whatever_is_left_is_what_is_loaded(left: GuestFacts) -> None:
    assert guest_facts._from_json(json.loads(guest_facts.to_bytes(left))) == left


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"null",
        b'{"ide": 1}',
        b'{"cpu_mode": "maximum"}',
        b'{"cpu_mode": null}',
        b'{"security_models": "dac"}',
        b'{"security_models": [null]}',
        b'{"networks": {}}',
        b"[" * 100_000,
    ],
)
def test_what_is_broken_counts_as_nothing(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    assert guest_facts.load() == GuestFacts()


def test_what_is_not_there_counts_as_nothing(path: Path) -> None:
    assert guest_facts.load() == GuestFacts()
    path.mkdir()
    assert guest_facts.load() == GuestFacts()


def test_another_version_may_have_left_more_or_less(path: Path) -> None:
    path.write_text('{"cpu_mode": "", "new": 1}')
    assert guest_facts.load() == GuestFacts("")


@given(st.dictionaries(st.sampled_from([*vars(GuestFacts()), "x"]), JSON) | JSON)
def test_any_document_gives_facts_or_none(document: object) -> None:
    try:
        found = guest_facts._from_json(document)
    except ValueError:
        return
    assert found.cpu_mode in CPU_MODES
    assert isinstance(found.ide, bool)
    assert all(isinstance(word, str) for word in [*found.security_models, *found.networks, *found.cpu_without])


def test_host_with_selinux_relies_on_no_default(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the default security models libvirt would change the labels of base images."""
    monkeypatch.setattr(selinux, "_ROOT", str(tmp_path))
    assert guest_facts.load() == GuestFacts()
    (tmp_path / "enforce").write_text("0")
    for written in (None, b"", b"{}x"):
        if written is not None:
            path.write_bytes(written)
        with pytest.raises(NodeError, match="does not know yet how SELinux"):
            guest_facts.load()
    path.write_bytes(guest_facts.to_bytes(GuestFacts(security_models=["selinux", "dac"])))
    assert guest_facts.load().security_models == ["selinux", "dac"]
