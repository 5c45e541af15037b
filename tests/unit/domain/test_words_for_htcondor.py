"""What HTCondor's own library reads of what the hook says, and of what a guest's console becomes in the job's ad."""

from __future__ import annotations

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage import chirp
from condor_kvm_stage.domain import refusal

pytestmark = pytest.mark.needs_classad2

# What UTF-8 can encode, as the hook's stdout does; the message's own exceptions are made printable before
TEXTS = st.text() | st.text("\\\"'\n\t\0;=[]{}$", max_size=20)


@given(TEXTS, st.integers(1, 299))
def test_hooks_output_is_an_ad_with_the_reason_and_the_sub_code(reason: str, status: int) -> None:
    ad = classad2.parseOne(refusal.hook(reason, status), parser=classad2.ParserType.Old)
    assert set(ad) == {"HookStatusMessage", "HookStatusCode"}
    assert ad["HookStatusCode"] == status
    assert isinstance(ad["HookStatusMessage"], str)


def test_hooks_reason_reads_as_it_was_written() -> None:
    reason = "disk 'a.qcow2' is a symlink … let the job bring the file (naïve, 日本)"
    ad = classad2.parseOne(refusal.hook(reason, 65), parser=classad2.ParserType.Old)
    assert ad["HookStatusMessage"] == reason


@given(st.binary(max_size=4096) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_last_lines_of_any_console_are_a_string(text: bytes) -> None:
    shown = chirp.last_lines(text)
    assert classad2.ExprTree(shown).eval() == shown[1:-1]
