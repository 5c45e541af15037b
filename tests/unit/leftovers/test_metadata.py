"""What is read from a domain's definition: the builder's element, and nothing that only looks like it."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.leftovers.metadata import NAMESPACE, Domain, DomainError, JobRef, Unclear, parse
from support.fake_virsh import BEGAN, GONE, definition, mark, uuid

# Without what XML cannot hold, or a parser makes something else of
TEXT = st.text().map(lambda text: "".join(filter(str.isprintable, text)))
OTHERS = [
    "",
    "<x/>",
    '<job xmlns="urn:other" starter="1"/>',
    '<o:x xmlns:o="urn:o"><job/></o:x>',
    "<!-- job -->",
    "job",
]


def test_builders_element_is_read() -> None:
    assert parse(definition(5, "alice_1.0", mark())) == Domain(
        uuid(5), "alice_1.0", JobRef("/x/dir_379/scratch", GONE, BEGAN)
    )


def test_element_can_have_a_prefix_and_neighbours() -> None:
    metadata = f'<a:x xmlns:a="urn:a"/><k:job xmlns:k="{NAMESPACE}" scratch="/x" starter="1" started="0" more="y"/>'
    assert parse(definition(5, "n", metadata)) == Domain(uuid(5), "n", JobRef("/x", 1, 0))


@pytest.mark.parametrize("metadata", OTHERS)
def test_domain_without_it_is_not_a_jobs(metadata: str) -> None:
    assert parse(definition(5, "alice_worker_7.0", metadata)) is None


def test_element_elsewhere_does_not_count() -> None:
    assert parse(definition(5, "n").replace("<memory", f"{mark()}<devices>{mark()}</devices><memory")) is None
    assert parse(definition(5, "n", f'<o:x xmlns:o="urn:o">{mark()}</o:x>')) is None


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        (mark("x"), "starter is not a process id: 'x'"),
        (mark("0"), "starter is not a process id: '0'"),
        (mark("-1"), "starter is not a process id: '-1'"),
        (mark("1" * 11), f"starter is not a process id: '{'1' * 11}'"),
        (mark("\u0663"), "starter is not a process id: '\u0663'"),
        (mark(" 1"), "starter is not a process id: ' 1'"),
        (mark(started=""), "started is not a number of clock ticks: ''"),
        (mark(started="1.5"), "started is not a number of clock ticks: '1.5'"),
        (mark(started="1" * 5000), "started is not a number of clock ticks: "),
        (mark(scratch="x"), "scratch is not an absolute path: 'x'"),
        (f'<job xmlns="{NAMESPACE}"/>', "scratch is not an absolute path: ''"),
        (f'<other xmlns="{NAMESPACE}"/>', f"not one element job of {NAMESPACE}"),
        (mark() + mark(), f"not one element job of {NAMESPACE}"),
    ],
)
def test_element_that_the_builder_does_not_write_so_is_unclear(metadata: str, fault: str) -> None:
    found = parse(definition(5, "n", metadata))
    assert isinstance(found, Unclear)
    assert (found.uuid, found.name) == (uuid(5), "n")
    assert found.fault.startswith(fault)


@given(st.text() | st.text().map(lambda text: definition(5, "n", text)))
def test_any_text_is_a_domain_or_none_or_refused(text: str) -> None:
    try:
        found = parse(text)
    except DomainError as error:
        assert "did not print valid XML" in str(error)
    else:
        assert found is None or isinstance(found, (Domain, Unclear))


@given(TEXT, TEXT, st.integers(1, 2**32 - 1), st.integers(0, 2**63 - 1), st.sampled_from(OTHERS))
def test_whatever_the_builder_writes_is_read_back(
    name: str, scratch: str, starter: int, started: int, other: str
) -> None:
    own = f"<job xmlns='{NAMESPACE}' scratch={quoteattr('/' + scratch)} starter='{starter}' started='{started}'/>"
    found = parse(definition(5, escape(name), other + own))
    assert found == Domain(uuid(5), name.strip(), JobRef("/" + scratch, starter, started))


@given(TEXT, TEXT, TEXT)
def test_whatever_the_attributes_are_a_domain_is_known_only_by_good_ones(
    scratch: str, starter: str, started: str
) -> None:
    metadata = (
        f"<job xmlns='{NAMESPACE}' scratch={quoteattr(scratch)} starter={quoteattr(starter)} "
        f"started={quoteattr(started)}/>"
    )
    found = parse(definition(5, "n", metadata))
    if isinstance(found, Domain):
        assert (scratch, int(starter), int(started)) == (found.job.scratch, found.job.starter, found.job.started)
        assert scratch.startswith("/")
        assert int(starter) > 0
    else:
        assert isinstance(found, Unclear)
