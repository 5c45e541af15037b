"""What may hang is done in a process that can be given up; what it says, succeeds or fails at comes back whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.plugin.failure import BY_STATUS, BugError, StageError
from condor_kvm_stage.plugin.supervise import SilentError, run

if TYPE_CHECKING:
    from condor_kvm_stage.plugin.supervise import Beat


def test_result_comes_back() -> None:
    assert run(lambda beat: 2**62, 10, "count") == 2**62


@pytest.mark.parametrize("kind", BY_STATUS.values())
def test_failure_comes_back_with_all_that_it_knows(kind: type[StageError]) -> None:
    def action(beat: Beat) -> int:
        beat("first")
        beat("second")
        raise kind("reason = \udcff\n", check="a_check", code=5, detail="said")

    with pytest.raises(kind, match="reason") as caught:
        run(action, 10, "try")
    error = caught.value
    assert type(error) is kind
    assert str(error) == "reason = \udcff\n"
    assert (error.check, error.code, error.detail, error.step) == ("a_check", 5, "said", "second")


def test_bug_comes_back_with_its_traceback_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BugError, match="bug in vm-nfs-plugin, please report it: ZeroDivisionError: "):
        run(lambda beat: 1 // 0, 10, "divide")
    assert "Traceback" in capfd.readouterr().err


def test_child_that_dies_without_a_word_is_a_bug() -> None:
    def action(beat: Beat) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with pytest.raises(BugError, match="its worker ended with wait status 0x9"):
        run(action, 10, "die")


def test_silence_is_a_failure_in_time_and_ends_the_child_and_what_it_started(tmp_path: Path) -> None:
    def action(beat: Beat) -> int:
        beat("sleep")
        sleeper = subprocess.Popen(["sleep", "60"])
        (tmp_path / "pids").write_text(f"{os.getpid()} {sleeper.pid}")
        sleeper.wait()
        return 0

    started = time.monotonic()
    with pytest.raises(
        SilentError, match=r"cannot wait: the share does not answer; nothing happened on .* for 1 s"
    ) as caught:
        run(action, 1, "wait")
    assert time.monotonic() - started < 20
    assert caught.value.step == "sleep"
    for pid in (tmp_path / "pids").read_text().split():
        deadline = time.monotonic() + 10
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(pid)


def _runs(pid: str) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_patience_is_for_silence_not_for_the_whole() -> None:
    def action(beat: Beat) -> int:
        for _ in range(20):
            time.sleep(0.1)
            beat("work")
        return 7

    assert run(action, 1, "work") == 7


def test_child_does_not_hold_the_plugins_output_open(tmp_path: Path) -> None:
    """HTCondor's starter reads a plug-in's output to the end: an abandoned child must not make it wait."""
    code = (
        "import time\nfrom condor_kvm_stage.plugin import supervise\n"
        # as one that waits for a dead share: the kill does nothing
        "supervise._kill = lambda group: None\n"
        "try: supervise.run(lambda beat: time.sleep(15) or 0, 1, 'wait')\n"
        "except supervise.SilentError: print('given up')"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    started = time.monotonic()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout == "given up\n"
    assert time.monotonic() - started < 10


def test_child_ends_when_nobody_listens_any_more(tmp_path: Path) -> None:
    """The plug-in was killed: its child must not go on and publish a disk that nobody asks for."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom condor_kvm_stage.plugin import supervise\n"
        "def action(beat):\n"
        "    Path(sys.argv[1]).touch()\n"
        "    while not Path(sys.argv[2]).exists(): time.sleep(0.01)\n"
        "    beat('publish')\n"
        "    Path(sys.argv[3]).touch()\n"
        "supervise.run(action, 60, 'wait')"
    )
    begun, go, published = (tmp_path / name for name in ("begun", "go", "published"))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    process = subprocess.Popen([sys.executable, "-c", code, begun, go, published], env=environment)
    while not begun.exists():
        time.sleep(0.01)
    process.kill()
    process.wait()
    go.touch()
    time.sleep(0.5)
    assert not published.exists()
