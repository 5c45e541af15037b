"""When a guest speaks and when a job ends: found out from files that grow meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmark.job_signs import Sign, Watch, ended_well, scratch_directory
from testnode import run

pytestmark = pytest.mark.needs_repository

# As HTCondor 25 writes it
EVENTS = """\
000 (001.000.000) 2026-11-22 19:34:35 Job submitted from host: <127.0.0.1:9618?addrs=127.0.0.1-9618&alias=worker>
...
040 (001.000.000) 2026-11-22 19:34:36 Started transferring input files
	Transferring to host: <127.0.0.1:9618?addrs=127.0.0.1-9618&alias=worker&sock=slot1_1_2312_c357_1>
...
001 (001.000.000) 2026-11-22 19:34:39 Job executing on host: <127.0.0.1:9618?addrs=127.0.0.1-9618&alias=worker>
	SlotName: slot1_1@worker
	CondorScratchDir = "/srv/scratch/execute/dir_2357/scratch"
	Cpus = 1
...
005 (001.000.000) 2026-11-22 19:35:57 Job terminated.
	(1) Normal termination (return value 0)
		Usr 0 00:00:00, Sys 0 00:00:00  -  Run Remote Usage
...
"""
EVICTED = "004 (001.000.000) 2026-11-22 19:34:50 Job was evicted. Code 1005 Subcode 0\n...\n"


def test_scratch_directory_is_the_one_that_the_event_log_names() -> None:
    assert scratch_directory(EVENTS) == "/srv/scratch/execute/dir_2357/scratch"


def test_job_that_ran_once_and_returned_0_ended_well() -> None:
    assert ended_well(EVENTS)


def test_job_that_had_to_start_again_did_not_end_well() -> None:
    executing = EVENTS[EVENTS.index("001 (") : EVENTS.index("005 (")]
    assert not ended_well(EVENTS.replace("005 (", f"{EVICTED}{executing}005 ("))


@pytest.mark.parametrize("end", ["return value 1", "return value 01"])
def test_job_with_another_exit_status_did_not_end_well(end: str) -> None:
    assert not ended_well(EVENTS.replace("return value 0", end))


def test_sign_without_a_text_appears_with_the_first_byte(tmp_path: Path) -> None:
    sign = Sign(tmp_path / "console", "")
    assert not sign.appeared()
    sign.path.touch()
    assert not sign.appeared()
    sign.path.write_bytes(b"\xff")
    assert sign.appeared()


def test_signs_are_given_as_they_appear_each_with_its_time(tmp_path: Path) -> None:
    first, second = Sign(tmp_path / "console", "hello"), Sign(tmp_path / "console", "off")
    with Watch() as watch:
        watch.add([second, first])
        given = watch.each([second, first], 10)
        second.path.write_text("hello\r\n")
        assert next(given) == first
        second.path.write_text("hello\r\noff\r\n")
        assert list(given) == [second]
    assert watch.seen[first] < watch.seen[second]


def test_signs_are_looked_for_while_nobody_waits_for_them(tmp_path: Path) -> None:
    sign = Sign(tmp_path / "console", "")
    with Watch() as watch:
        watch.add([sign])
        sign.path.write_text("x")
        time.sleep(0.2)
        waited = time.monotonic()
        assert list(watch.each([sign], 10)) == [sign]
    assert watch.seen[sign] < waited


def test_sign_keeps_the_time_of_its_first_appearance(tmp_path: Path) -> None:
    sign = Sign(tmp_path / "console", "hello")
    with Watch() as watch:
        watch.add([sign])
        sign.path.write_text("hello\r\n")
        assert list(watch.each([sign], 10)) == [sign]
        seen = watch.seen[sign]
        sign.path.write_text("hello\r\noff\r\n")
        time.sleep(0.2)
    assert watch.seen[sign] == seen


def test_sign_that_does_not_appear_is_an_error_with_what_its_file_has(tmp_path: Path) -> None:
    sign = Sign(tmp_path / "job.log", "\n005 (")
    sign.path.write_text("012 (001.000.000) Job was held.\n")
    with Watch() as watch, pytest.raises(run.TestNodeError, match=r"(?s)timed out after 0 s: .*job\.log.*Job was held"):
        list(watch.each([sign], 0))
