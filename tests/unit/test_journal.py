"""Entries in the journal: valid whatever is in them, and nothing that can fail or wait."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage import ad_text, journal
from condor_kvm_stage.text import to_bytes
from support.journal import Journal, fields

# Text as it comes from a URL: any bytes, decoded like file names
ANY_TEXT = st.binary(max_size=200).map(lambda data: data.decode("utf-8", "surrogateescape"))


@pytest.fixture
def listening(journal: Path) -> Iterator[Journal]:
    found = Journal(journal)
    yield found
    found.close()


def test_entry_has_its_fields_and_leaves_out_what_is_empty(listening: Journal) -> None:
    journal.send(journal.REFUSED, "no such image", job="12.0", owner="alice", image="/srv/x", check="")
    assert listening.entries() == [
        {
            b"MESSAGE": b"no such image",
            b"PRIORITY": b"5",
            b"SYSLOG_IDENTIFIER": b"condor-kvm-stage",
            b"KVM_STAGE_EVENT": b"refused",
            b"KVM_STAGE_JOB": b"12.0",
            b"KVM_STAGE_OWNER": b"alice",
            b"KVM_STAGE_IMAGE": b"/srv/x",
        }
    ]


@given(image=ANY_TEXT, message=ANY_TEXT)
def test_no_value_can_be_another_field(image: str, message: str) -> None:
    entry = fields(journal.datagram(journal.STAGED, message, {"image": image}))
    assert entry[b"PRIORITY"] == b"6"
    assert entry.get(b"KVM_STAGE_IMAGE", b"") == to_bytes(image)
    assert entry[b"MESSAGE"].isascii() or entry[b"MESSAGE"].decode().isprintable()
    assert len(entry) == 4 + bool(image)


def test_long_value_is_cut_so_that_the_entry_arrives(listening: Journal) -> None:
    journal.send(journal.REFUSED, "x" * 1_000_000, image="y" * 1_000_000, check="z\n" * 1_000_000)
    (entry,) = listening.entries()
    assert sum(map(len, entry.values())) < 20_000


def test_without_a_journal_nothing_happens() -> None:
    journal.send(journal.STAGED, "nobody listens", image="/srv/x")


def test_name_that_cannot_be_encoded_does_not_fail(listening: Journal) -> None:
    journal.send(journal.STAGED, "x", image="\ud800")
    assert listening.entries() == []


@pytest.mark.usefixtures("listening")
def test_busy_journal_is_not_waited_for() -> None:
    for _ in range(5000):  # more than a socket holds
        journal.send(journal.STAGED, "x" * 1000)


def test_socket_of_another_kind_is_no_failure(journal: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(journal))
        from condor_kvm_stage.journal import STAGED, send

        send(STAGED, "x")


@pytest.mark.parametrize(
    ("ad", "job"),
    [
        (b'ClusterId = 12\nOwner = "alice"\nProcId = 3\n', ("12.3", "alice")),
        (b'Owner = "alice"\n', ("", "alice")),
        (b"ClusterId = x\nProcId = 0\n", ("", "")),
        (b"\xff\x00 = \nno equals\n", ("", "")),
        (b"", ("", "")),
    ],
)
def test_job_of_an_ad_is_known_only_if_the_ad_says_so(ad: bytes, job: tuple[str, str]) -> None:
    assert ad_text.job(ad) == job


@given(st.binary(max_size=500))
def test_no_ad_fails(ad: bytes) -> None:
    job, owner = ad_text.job(ad)
    assert "\n" not in job + owner
