"""A refusal is a domain that libvirt refuses in the words for which HTCondor holds a job; nothing of it could start."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import refusal

# src/condor_vm-gahp/xen_type.linux.cpp
WORDS = "image is not in qcow2 format"
LIBVIRTS_TYPES = {"kvm", "qemu", "xen", "lxc", "test", "vz", "bhyve", "hvf", "hyperv", "vmware", "vbox", "nvmm"}
REASONS = st.text() | st.text("<>&'\"\\\0\n\ud800￾ ]-!", max_size=20)


@settings(deadline=None)
@given(REASONS)
def test_refusal_is_a_named_domain_of_a_type_that_has_the_words(reason: str) -> None:
    domain = ElementTree.fromstring(refusal.domain(reason))
    assert domain.tag == "domain"
    assert set(domain.attrib) == {"type"}
    assert WORDS in domain.attrib["type"]
    assert domain.attrib["type"] not in LIBVIRTS_TYPES
    # libvirt looks for a name first, and complains of that
    assert [(child.tag, child.text, len(child)) for child in domain] == [("name", "refused", 0)]


@settings(deadline=None)
@given(REASONS)
def test_refusal_is_one_line_of_ascii(reason: str) -> None:
    assert refusal.domain(reason).decode("ascii").isprintable()


def test_reason_is_in_the_refusal() -> None:
    assert b"disk 'a' is a symlink; bring the file" in refusal.domain("disk 'a' is a symlink; bring the file")


@pytest.mark.parametrize("text", ["x" * (5 << 20), "\0" * (2 << 20)], ids=["letters", "escapes"])
def test_refusal_stays_far_below_what_libvirt_takes(text: str) -> None:
    """4 MiB: of a larger one it does not see the words."""
    refused = refusal.domain(text)
    assert len(refused) < 100_000
    assert WORDS.encode() in refused
    assert len(refusal.hook(text, 77)) < 100_000


@settings(deadline=None)
@given(REASONS, st.integers(1, 299))
def test_hook_says_reason_and_sub_code_on_two_lines(reason: str, status: int) -> None:
    message, code, rest = refusal.hook(reason, status).split("\n")
    assert message.startswith('HookStatusMessage = "')
    assert message.endswith('"')
    assert message.isprintable()
    assert message.count('"') == 2
    assert "\\" not in message
    assert (code, rest) == (f"HookStatusCode = {status}", "")
