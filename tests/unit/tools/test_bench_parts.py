"""The benchmark's guests with and without a part of a job: what differs between them, and what is compared."""

from __future__ import annotations

import pytest

from benchmark import job_parts
from benchmark.job_parts import NONE, PARTS, Sample

pytestmark = pytest.mark.needs_repository

# As Linux 6.1 prints it
ROLLUP = """\
55cd2d2b0000-7ffd2b5f9000 ---p 00000000 00:00 0                          [rollup]
Rss:               12052 kB
Pss:                7321 kB
Pss_Dirty:          6000 kB
SwapPss:               0 kB
"""


def test_job_without_parts_has_only_its_disk() -> None:
    text = job_parts.description(NONE)
    assert "transfer_input_files = nfs:///srv/images/talks.qcow2:disk.qcow2\n" in text
    assert "VMPARAM" not in text


@pytest.mark.parametrize(
    ("kind", "lines"),
    [
        ("the job's files", {"MY.VMPARAM_Job_Files = True"}),
        (
            "a seed for cloud-init",
            {"transfer_input_files = nfs:///srv/images/talks.qcow2:disk.qcow2, user-data"},
        ),
        (
            "a program",
            {
                "transfer_input_files = nfs:///srv/images/talks.qcow2:disk.qcow2, program.sh",
                "executable = program.sh",
            },
        ),
    ],
)
def test_job_with_a_part_differs_in_nothing_else(kind: str, lines: set[str]) -> None:
    found = set(job_parts.description(kind).splitlines())
    assert found - set(job_parts.description(NONE).splitlines()) == lines


def test_each_round_begins_with_another_guest_and_has_all() -> None:
    rounds = [job_parts.order(number) for number in range(len(PARTS) + 1)]
    assert {first for first, *_ in rounds} == {NONE, *PARTS}
    assert all(set(kinds) == {NONE, *PARTS} for kinds in rounds)


def test_each_part_is_divided_by_none_of_the_same_round() -> None:
    samples = {part: [Sample(3, 80, 30), Sample(2, 80, 30)] for part in PARTS}
    found = job_parts.results({NONE: [Sample(1, 40, 10), Sample(2, 40, 10)], **samples})
    assert [result.ours for result in found] == [*PARTS] * 3
    assert [result.ratios(NONE) for result in found] == [[3, 1]] * 3 + [[3, 3]] * 3 + [[2, 2]] * 3


def test_memory_is_the_processes_share_of_what_they_share() -> None:
    assert job_parts.pss(ROLLUP) == 7321
