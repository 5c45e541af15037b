"""What the plug-in writes into the journal: one entry for each disk of a job, and none for a trial by hand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.journal import Entry, Journal

AD = b'Owner = "alice"\nClusterId = 12\nProcId = 0\n'


@pytest.fixture
def listening(journal: Path) -> Iterator[Journal]:
    found = Journal(journal)
    yield found
    found.close()


def run(program: list[str], ad: Path | None, *arguments: str | Path) -> int:
    environment = {**os.environ, **({"_CONDOR_JOB_AD": str(ad)} if ad else {})}
    return subprocess.run(
        [*program, *arguments], env=environment, capture_output=True, timeout=60, check=False
    ).returncode


def shown(entry: Entry) -> tuple[str, ...]:
    return tuple(entry.get(f"KVM_STAGE_{name}".encode(), b"").decode() for name in ("EVENT", "JOB", "OWNER", "CHECK"))


@pytest.fixture
def ad(tmp_path: Path) -> Path:
    path = tmp_path / ".job.ad"
    path.write_bytes(AD)
    return path


def test_staged_disk_is_noted_with_its_image(
    program: list[str], base: Path, scratch: Path, ad: Path, listening: Journal
) -> None:
    assert run(program, ad, f"nfs://{base}:disk", scratch / "x") == 0
    (entry,) = listening.entries()
    assert shown(entry) == ("staged", "12.0", "alice", "")
    assert entry[b"KVM_STAGE_IMAGE"] == str(base).encode()
    assert entry[b"MESSAGE"] == f"job 12.0: staged {base}".encode()


@pytest.mark.parametrize(
    ("url", "check", "image"),
    [
        ("nfs:///none:disk", "Specification", b"/none"),
        ("nfs:///none:../disk", "Parameter", b"nfs:///none:../disk"),
        ("nfs:///etc/hostname?format=qcow2:disk", "format", b"/etc/hostname"),
    ],
)
def test_refused_disk_is_noted_with_the_check(
    program: list[str], scratch: Path, ad: Path, listening: Journal, url: str, check: str, image: bytes
) -> None:
    assert run(program, ad, url, scratch / "x") != 0
    (entry,) = listening.entries()
    assert shown(entry) == ("refused", "12.0", "alice", check)
    assert entry[b"KVM_STAGE_IMAGE"] == image


def test_trial_by_hand_is_no_job(program: list[str], base: Path, scratch: Path, listening: Journal) -> None:
    assert run(program, None, f"nfs://{base}:disk", scratch / "x") == 0
    assert listening.entries() == []


def test_upload_is_no_vm(program: list[str], result: Path, out: Path, ad: Path, listening: Journal) -> None:
    run(program, ad, result, f"nfs://{out}/result")
    assert listening.entries() == []


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo"])
def test_ad_that_cannot_be_read_does_not_get_in_the_way(
    program: list[str], base: Path, scratch: Path, tmp_path: Path, listening: Journal, kind: str
) -> None:
    path = tmp_path / "odd"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    assert run(program, path, f"nfs://{base}:disk", scratch / "x") == 0
    (entry,) = listening.entries()
    assert shown(entry) == ("staged", "", "", "")


def test_staging_for_a_job_without_a_journal_succeeds(program: list[str], base: Path, scratch: Path, ad: Path) -> None:
    assert run(program, ad, f"nfs://{base}:disk", scratch / "x") == 0
