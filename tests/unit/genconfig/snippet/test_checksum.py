"""An edited file is told from a generated one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.genconfig.snippet.checksum import added, holds

TEXT = "# A file\nVM_TYPE = kvm\n"


def test_checksum_is_one_more_line_that_is_a_comment() -> None:
    assert added(TEXT) == f"{TEXT}# Checksum of the lines above: ceb37b3f366bfc23087912cdd4b9ce52\n"


@pytest.mark.parametrize(
    "edited",
    [
        added(TEXT).replace("kvm", "xen"),
        added(TEXT).replace("# A file\n", ""),
        added(TEXT) + "VM_TYPE = xen\n",
        added(TEXT) + "\n",
        added(TEXT).rstrip("\n"),
        " " + added(TEXT),
        TEXT,
        "",
    ],
)
def test_edited_file_does_not_hold(edited: str) -> None:
    assert not holds(edited)


@given(st.text(), st.text())
def test_every_text_holds_and_none_that_differs(text: str, other: str) -> None:
    assert holds(added(text))
    assert holds(added(added(text)))
    assert not holds(other)
    assert text == other or not holds(added(text).replace(text, other, 1))


def test_bytes_that_are_no_utf_8_have_a_checksum_too() -> None:
    assert holds(added("caf\udce9\n"))
