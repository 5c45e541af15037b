"""A worker's result comes back as it is, of any kind that its messages can have; another kind is a bug, and said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.failures import BugError
from condor_kvm_stage.share.watchdog import Watchdog

scalars = (
    st.none() | st.booleans() | st.integers() | st.binary() | st.text() | st.sampled_from(["\udcff", "x" * 200_000])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple), max_leaves=8
)


@pytest.fixture(scope="module")
def echo(_no_process_is_left_behind: None) -> Iterator[Watchdog]:
    with Watchdog(lambda: (lambda value, heartbeat: value, 30), "some-program") as watched:
        yield watched


@settings(deadline=None)
@given(values)
def test_result_of_any_kind_comes_back_as_it_was(echo: Watchdog, value: object) -> None:
    found = echo.call((value,), "echo")
    assert found == value
    assert type(found) is type(value)


def test_what_is_found_of_a_disk_comes_back() -> None:
    """As domain/disks.py asks it."""
    chain = [("/srv/images/b\udcff", "qcow2"), ("/srv/images/ü", "raw")]
    watched = Watchdog(
        lambda: (lambda name, path, readonly, heartbeat: ("qcow2", not readonly, chain), 30), "some-program"
    )
    assert watched.call(("a", "/a", True), "inspect") == ("qcow2", False, chain)


def test_result_that_no_message_can_have_is_a_bug_and_the_next_request_goes_on() -> None:
    watched = Watchdog(lambda: (lambda good, heartbeat: 1 if good else object(), 30), "some-program")
    with pytest.raises(BugError, match="please report it"):
        watched.call((False,), "fail")
    assert watched.call((True,), "go on") == 1
