"""The traceback of a bug, which does not depend on what there is left to import it."""

from __future__ import annotations

import sys

import pytest

from condor_kvm_stage import trace


def _bug() -> ZeroDivisionError:
    try:
        raise ZeroDivisionError("for the test")
    except ZeroDivisionError as error:
        return error


def test_traceback_is_that_of_the_error() -> None:
    text = trace.of(_bug())
    assert text.startswith("Traceback (most recent call last):\n")
    assert 'raise ZeroDivisionError("for the test")\n' in text
    assert text.endswith("ZeroDivisionError: for the test\n")


def test_error_is_told_where_the_module_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "traceback", None)
    assert trace.of(_bug()) == "ZeroDivisionError: for the test\n"
