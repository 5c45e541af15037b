"""Strings of an ad are read as HTCondor has written them: with quotation marks, backslashes and line breaks."""

from __future__ import annotations

import classad2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.domain import ad_strings
from condor_kvm_stage.failures import ParameterError

pytestmark = pytest.mark.needs_classad2

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0") | st.sampled_from("\\\"'\n; ="))


@given(TEXT)
def test_any_text_is_read_as_htcondor_has_written_it(text: str) -> None:
    """Also the last one of an ad. Only what looks like another attribute cannot be told from one."""
    if any(line.startswith("Other = ") for line in text.split("\n")):
        return
    ad = classad2.ClassAd()
    ad["Arguments"] = text
    written = ad.printOld()
    assert ad_strings.find(written.encode(), "Arguments") == text
    assert ad_strings.find(f"Before = 1\n{written}Other = 2\n".encode(), "ARGUMENTS") == text


def test_bytes_that_are_not_utf_8_are_kept() -> None:
    assert ad_strings.find(b'Args = "\xff"\n', "Args") == "\udcff"


def test_attribute_that_is_missing_or_undefined_has_no_value() -> None:
    assert ad_strings.find(b"A = 1\n", "Args") is None
    assert ad_strings.find(b"Args = undefined\n", "Args") is None


@pytest.mark.parametrize(
    ("ad", "reason"),
    [
        (b'Args = strcat("a", "b")\n', "must be a string, written out"),
        (b"Args = 3\n", "is an expression"),
        (b'Args = "a\n', "not a string that can be read"),
        (b'Args = "a" + "b"\n', "not a string that can be read"),
        (b'Args = "a"\nArgs = "b"\n', "more than once"),
        (b'X = "a\nArgs = "b"\nArgs = "c"\n', "more than once"),
    ],
)
def test_what_is_no_plain_string_is_refused(ad: bytes, reason: str) -> None:
    with pytest.raises(ParameterError, match=reason):
        ad_strings.find(ad, "Args")
