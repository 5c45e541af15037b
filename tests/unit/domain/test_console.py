"""What a guest prints arrives in console.log, from the first byte to the last one or to the cap, and is its user's."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from condor_kvm_stage import chirp
from condor_kvm_stage.domain import console
from condor_kvm_stage.gahp import console_end
from condor_kvm_stage.job import TERMINAL, TERMINAL_PIPE, Job
from support.domain import console_keeper, fake_starter
from support.domain.fake_starter import Chirp
from support.processes import NOBODY, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can let another user keep the console")
# Opens and closes a FIFO for two seconds, as often as it can
OPENER = """
import os, sys, time
end = time.monotonic() + 2
while time.monotonic() < end:
    os.close(os.open(sys.argv[1], os.O_WRONLY))
"""


@pytest.fixture
def chirping(tmp_path: Path) -> Iterator[Chirp]:
    """A starter that takes Chirp commands."""
    with fake_starter.chirp(tmp_path) as starter:
        yield starter


def test_console_is_complete_and_the_users(where: Job) -> None:
    keeper = console_keeper.start(where)
    text = os.urandom(700_001)
    keeper.print(text[:1], text[1:5], text[5:200_000], text[200_000:])
    keeper.end()
    assert keeper.log.read_bytes() == text
    status = keeper.log.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (NOBODY, NOBODY, 0o600)


def test_console_of_a_guest_that_prints_much_has_its_beginning_and_its_end(where: Job) -> None:
    keeper = console_keeper.start(where, largest=1 << 16)
    keeper.print(b"".join(b"line %d\n" % number for number in range(100_000)))
    keeper.end()
    kept = keeper.log.read_bytes()
    assert len(kept) <= 1 << 16
    assert kept.startswith(b"line 0\nline 1\n")
    assert kept.endswith(b"\nline 99998\nline 99999\n")
    assert b" bytes are omitted here (limit: " in kept


def test_guest_that_prints_without_end_fills_no_disk_and_is_not_stopped(where: Job) -> None:
    keeper = console_keeper.start(where, largest=1 << 16)
    with subprocess.Popen(["sh", "-c", f"exec yes > {keeper.fifo}"]) as guest:
        io = Path(f"/proc/{guest.pid}/io")
        wait_for(lambda: int(io.read_text().split("wchar: ")[1].split()[0]) > 50 << 20, "50 MiB are printed", 60)
        assert keeper.log.stat().st_size <= 1 << 16
        guest.kill()
    keeper.end()
    assert keeper.log.stat().st_size <= 1 << 16


def test_console_that_is_opened_as_qemu_does_it_ends_with_qemu(where: Job) -> None:
    keeper = console_keeper.start(where)
    descriptor = os.open(keeper.fifo, os.O_RDWR)
    os.write(descriptor, b"boot\n")
    wait_for(lambda: keeper.log.read_bytes() == b"boot\n", "the line is there while the guest runs")
    time.sleep(0.2)
    assert not keeper.has_ended()
    os.write(descriptor, b"end\n")
    os.close(descriptor)
    keeper.end()
    assert keeper.log.read_bytes() == b"boot\nend\n"


def test_console_is_kept_after_somebody_has_opened_it_who_prints_nothing(where: Job) -> None:
    """libvirt does so before QEMU."""
    keeper = console_keeper.start(where)
    for _ in range(3):
        os.close(os.open(keeper.fifo, os.O_WRONLY))
        time.sleep(0.1)
    assert not keeper.has_ended()
    keeper.print(b"boot\n")
    keeper.end()
    assert keeper.log.read_bytes() == b"boot\n"


def test_console_is_kept_at_whatever_moment_somebody_opens_it_who_prints_nothing(where: Job) -> None:
    keeper = console_keeper.start(where)
    subprocess.run([sys.executable, "-c", OPENER, keeper.fifo], check=True, timeout=30)
    assert not keeper.has_ended()
    keeper.print(b"boot\n")
    keeper.end()
    assert keeper.log.read_bytes() == b"boot\n"


@pytest.mark.parametrize("opened", [False, True])
def test_console_without_a_guest_ends_with_the_starter(where: Job, opened: bool) -> None:
    """As when libvirt has not started the guest."""
    keeper = console_keeper.start(where)
    if opened:
        os.close(os.open(keeper.fifo, os.O_WRONLY))
    time.sleep(0.3)
    assert not keeper.has_ended()
    os.kill(where.starter, 9)
    os.waitpid(where.starter, 0)
    keeper.end()
    assert keeper.log.read_bytes() == b""


def test_process_is_the_users_and_holds_nothing_of_the_builders(where: Job, tmp_path: Path) -> None:
    """The vm-gahp waits for the end of the builder's output; HTCondor, that nothing uses the scratch directory."""
    with open(tmp_path / "builders", "w"):
        keeper = console_keeper.start(where)
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{keeper.pid}/status").read_text().splitlines())
        assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4
        assert status["Groups"].split() == [str(NOBODY)]
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        held = {os.readlink(entry) for entry in Path(f"/proc/{keeper.pid}/fd").iterdir()}
        terminal = {str(keeper.fifo.with_name(f"{TERMINAL_PIPE}.{end}")) for end in ("in", "out")}
        assert {path for path in held if not path.startswith("socket:")} == {
            "/dev/null",
            str(keeper.fifo),
            str(keeper.log),
            *terminal,
        }
        assert len(held) == 6, "and the terminal's socket"
        assert os.getsid(keeper.pid) == keeper.pid
    keeper.print(b"x")
    keeper.end()


def test_fifos_have_names_that_no_disk_can_have(where: Job) -> None:
    keeper = console_keeper.start(where)
    names = {path.name for path in keeper.fifo.parent.iterdir()}
    assert names == {".console.in", ".console.out", TERMINAL, f"{TERMINAL_PIPE}.in", f"{TERMINAL_PIPE}.out"}
    keeper.print(b"x")
    keeper.end()


def test_last_lines_are_in_the_jobs_ad_at_the_end(where: Job, chirping: Chirp) -> None:
    keeper = console_keeper.start(where, config=str(chirping.config))
    keeper.print(b"boot\r\n", b"kernel panic\r\n")
    keeper.end()
    assert chirping.attributes == [("ChirpConsole", '"boot | kernel panic"')]


def test_last_lines_are_in_the_jobs_ad_while_the_guest_runs(
    where: Job, chirping: Chirp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_PAUSE", 0.1)
    keeper = console_keeper.start(where, config=str(chirping.config))
    with open(keeper.fifo, "wb", buffering=0) as fifo:
        time.sleep(0.2)
        fifo.write(b"boot\n")
        wait_for(lambda: chirping.attributes == [("ChirpConsole", '"boot"')], "the job's ad knows")
        time.sleep(0.2)
        fifo.write(b"login:")
        wait_for(lambda: len(chirping.attributes) == 2, "the job's ad knows the second line")
    keeper.end()
    assert chirping.attributes[1:] == [("ChirpConsole", '"boot | login:"')]


def test_whoever_ends_the_job_sees_whether_all_that_was_printed_is_told(where: Job, chirping: Chirp) -> None:
    assert console_end.is_told(where), "there is no console of ours"
    chirping.awake.clear()
    keeper = console_keeper.start(where, config=str(chirping.config))
    assert console_end.is_told(where), "a guest that has printed nothing is not waited for"
    keeper.print(b"the last words\n")
    wait_for(lambda: not console_end.is_told(where), "the first byte is noticed")
    wait_for(lambda: chirping.lines != [], "the starter is to tell it")
    assert not console_end.is_told(where)
    chirping.awake.set()
    wait_for(lambda: console_end.is_told(where), "it is told")
    assert chirping.attributes == [("ChirpConsole", '"the last words"')]
    keeper.end()


def test_starter_that_does_not_listen_stops_no_guest(
    where: Job, chirping: Chirp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTCondor's sleeps for half a minute after it has started one."""
    monkeypatch.setattr(console, "_PAUSE", 0.1)
    monkeypatch.setattr(chirp, "_TIMEOUT", 1)
    chirping.awake.clear()
    keeper = console_keeper.start(where, config=str(chirping.config))
    with open(keeper.fifo, "wb", buffering=0) as fifo:
        for number in range(10):
            time.sleep(0.05)
            fifo.write(b"line %d\n" % number + b"x" * 70_000)
    keeper.end()
    assert keeper.log.stat().st_size > 700_000
