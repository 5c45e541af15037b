"""The plug-in's process: what is left of it when it is killed or interrupted, and whose rights qemu-img has."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.installed_plugin import MODULES, copy_modules
from support.processes import NOBODY, of_session, runs, wait_for

FakeProgram = Callable[[str, str], None]


@pytest.fixture
def slow_qemu_img(tmp_path: Path, fake_program: FakeProgram) -> Path:
    """A qemu-img that takes its time, and is seen to work. Returns the file with its number, once it runs."""
    path = tmp_path / "qemu-img.pid"
    work = f"i=0; while [ $i -lt 300 ]; do echo $i >> {tmp_path}/work; sleep 0.1; i=$((i + 1)); done"
    fake_program("qemu-img", f"echo $$ > {path}.new; mv {path}.new {path}; {work}")
    return path


def start(program: list[str], base: Path, scratch: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*program, f"nfs:{base}?mode=copy:disk", f"{scratch}/x"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_killed_plugin_leaves_no_qemu_img_that_goes_on_for_hours(
    program: list[str], base: Path, scratch: Path, slow_qemu_img: Path
) -> None:
    process = start(program, base, scratch)
    wait_for(slow_qemu_img.exists, "qemu-img runs")
    qemu_img = int(slow_qemu_img.read_text())
    assert runs(qemu_img)
    process.kill()
    process.communicate(timeout=60)
    wait_for(lambda: not runs(qemu_img), "qemu-img has ended")
    wait_for(lambda: not of_session(process.pid), "all that the plug-in has started has ended")
    assert list(scratch.iterdir()) == []


def test_interrupt_is_one_word_and_leaves_nothing(
    program: list[str], base: Path, scratch: Path, slow_qemu_img: Path
) -> None:
    process = start(program, base, scratch)
    wait_for(slow_qemu_img.exists, "qemu-img runs")
    process.send_signal(signal.SIGINT)
    output, messages = process.communicate(timeout=20)
    assert (process.returncode, output, messages) == (130, "", "vm-nfs-plugin: interrupted\n")
    wait_for(lambda: not of_session(process.pid), "all that the plug-in has started has ended")
    assert list(scratch.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a program with two users")
def test_qemu_img_cannot_become_root_where_htcondor_starts_plugins_with_its_rights(
    program: list[str], tmp_path: Path, base: Path, scratch: Path, fake_program: FakeProgram
) -> None:
    """As with RUN_FILETRANSFER_PLUGINS_WITH_ROOT: the job's user is the effective one only."""
    # modules that all may read, and the installed program's interpreter: the tests' own may be root's alone
    modules = copy_modules(tmp_path)
    script = Path(program[-1])
    script.write_text(script.read_text(encoding="utf-8").replace(str(MODULES), str(modules)), encoding="utf-8")
    seen = tmp_path / "seen"
    seen.mkdir()
    seen.chmod(0o777)
    os.chown(scratch, NOBODY, NOBODY)
    fake_program("qemu-img", f"cat /proc/self/status > {seen}/status")

    def be_root_in_name() -> None:
        os.setgroups([])
        os.setresgid(0, NOBODY, NOBODY)
        os.setresuid(0, NOBODY, 0)

    result = subprocess.run(
        ["/usr/bin/python3", *program[1:], f"nfs:{base}?mode=copy:disk", f"{scratch}/x"],
        preexec_fn=be_root_in_name,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    status = dict(line.split(":\t", 1) for line in (seen / "status").read_text().splitlines() if ":\t" in line)
    assert status["Uid"].split() == status["Gid"].split() == [str(NOBODY)] * 4
    assert {status[name] for name in ("CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert (scratch / "disk").stat().st_uid == NOBODY


def test_kill_at_any_moment_leaves_a_complete_overlay_or_none(
    program: list[str], base: Path, scratch: Path, qemu_img: Callable[..., str]
) -> None:
    command = [*program, f"nfs:{base}:disk", f"{scratch}/x"]
    started = time.monotonic()
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)
    duration = time.monotonic() - started
    (scratch / "disk").unlink()
    generator = random.Random(1)
    complete = 0
    for turn in range(50):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(generator.uniform(0, 1.2 * duration))
        # in turn: the plug-in alone, which leaves its worker to go on without it, and both
        kill = os.killpg if turn % 2 else os.kill
        kill(process.pid, signal.SIGKILL)
        process.wait(60)
        if (scratch / "disk").exists():
            complete += 1
            qemu_img("check", scratch / "disk")
            (scratch / "disk").unlink()
    assert complete < 50, "no kill came before the end: the test showed nothing"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_do_not_get_in_the_way(
    program: list[str], base: Path, scratch: Path, closed: str
) -> None:
    """The pipes to the worker then have their numbers."""
    command = ["sh", "-c", f'"$@" {closed}', "sh", *program, "-infile", f"{scratch}/in", "-outfile", f"{scratch}/out"]
    (scratch / "in").write_text(f'[ Url = "nfs://{base}:disk"; LocalFileName = "{scratch}/x" ]')
    subprocess.run(command, check=True, timeout=60)
    assert (scratch / "disk").exists()
