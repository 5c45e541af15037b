"""A worker's result comes back as it is, of any kind that its messages can have; another kind is a bug, and said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.failures import BugError
from condor_kvm_stage.share.watchdog import Worker

scalars = (
    st.none() | st.booleans() | st.integers() | st.binary() | st.text() | st.sampled_from(["\udcff", "x" * 200_000])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=8
)


@pytest.fixture(scope="module")
def echo() -> Worker:
    return Worker(lambda: (lambda value, beat: value, 30))


@settings(deadline=None)
@given(values)
def test_result_of_any_kind_comes_back_as_it_was(echo: Worker, value: object) -> None:
    found = echo.do((value,), "echo")
    assert found == value
    assert type(found) is type(value)


def test_what_is_found_of_a_disk_comes_back() -> None:
    """As domain/disks.py asks it."""
    chain = [("/srv/images/b\udcff", "qcow2"), ("/srv/images/ü", "raw")]
    worker = Worker(lambda: (lambda name, path, readonly, beat: ("qcow2", not readonly, chain), 30))
    assert worker.do(("a", "/a", True), "inspect") == ("qcow2", False, chain)


def test_result_that_no_message_can_have_is_a_bug_and_the_next_request_goes_on() -> None:
    worker = Worker(lambda: (lambda good, beat: 1 if good else object(), 30))
    with pytest.raises(BugError, match="please report it"):
        worker.do((False,), "fail")
    assert worker.do((True,), "go on") == 1
