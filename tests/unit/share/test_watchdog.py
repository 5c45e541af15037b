"""What may hang is done in a process that can be given up; what it says, succeeds or fails at comes back whole."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from condor_kvm_stage.failures import BY_STATUS, BugError, NodeError, StageError
from condor_kvm_stage.share.child import WAITING
from condor_kvm_stage.share.watchdog import SilentError, Watchdog
from support.installed_plugin import MODULES
from support.processes import runs, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from condor_kvm_stage.share.child import Heartbeat


def run(
    action: Callable[[Heartbeat], int], timeout: float, doing: str, cleanup: Callable[[int], None] = lambda pid: None
) -> int:
    """Let a watched of its own do an action."""
    result: int = Watchdog(lambda: (action, timeout), "some-program").call((), doing, cleanup)
    return result


def test_result_comes_back() -> None:
    assert run(lambda heartbeat: 2**62, 10, "count") == 2**62


@pytest.mark.parametrize("kind", BY_STATUS.values())
def test_failure_comes_back_with_all_that_it_knows(kind: type[StageError]) -> None:
    def action(heartbeat: Heartbeat) -> int:
        heartbeat("first")
        heartbeat("second")
        raise kind("reason = \udcff\n", check="a_check", code=5, detail="said")

    with pytest.raises(kind, match="reason") as caught:
        run(action, 10, "try")
    error = caught.value
    assert type(error) is kind
    assert str(error) == "reason = \udcff\n"
    assert (error.check, error.code, error.detail, error.step) == ("a_check", 5, "said", "second")


def test_bug_comes_back_with_its_traceback_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BugError, match="bug in some-program, please report it: ZeroDivisionError: "):
        run(lambda heartbeat: 1 // 0, 10, "divide")
    assert "Traceback" in capfd.readouterr().err


def test_child_that_dies_without_a_word_is_a_bug() -> None:
    def action(heartbeat: Heartbeat) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    with pytest.raises(BugError, match="its child ended with wait status 0x9"):
        run(action, 10, "die")


def test_silence_is_a_failure_in_time_and_ends_the_child_and_what_it_started(tmp_path: Path) -> None:
    def action(heartbeat: Heartbeat) -> int:
        heartbeat("sleep")
        sleeper = subprocess.Popen(["sleep", "3600"])
        (tmp_path / "pids").write_text(f"{os.getpid()} {sleeper.pid}")
        sleeper.wait()
        return 0

    with pytest.raises(
        SilentError, match=r"cannot wait: the share does not answer; nothing happened on .* for 1 s"
    ) as caught:
        run(action, 1, "wait")
    assert caught.value.step == "sleep"
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    wait_for(lambda: not any(runs(pid) for pid in pids), "what was given up has ended")


def test_silence_of_a_share_that_answers_otherwise_is_told_with_what_locks_need() -> None:
    def action(heartbeat: Heartbeat) -> int:
        heartbeat(WAITING)
        time.sleep(3600)
        return 0

    with pytest.raises(SilentError, match=r"answers, but lets a request .* wait; .* rpc.statd on the server") as caught:
        run(action, 1, "wait")
    assert caught.value.step == "wait"


def test_timeout_is_for_silence_not_for_the_whole() -> None:
    def action(heartbeat: Heartbeat) -> int:
        for _ in range(20):
            time.sleep(0.1)
            heartbeat("work")
        return 7

    assert run(action, 1, "work") == 7


def test_child_does_not_hold_the_plugins_output_open(tmp_path: Path) -> None:
    """HTCondor's starter reads a plug-in's output to the end: an abandoned child must not make it wait."""
    code = (
        "import os, sys, time\nfrom condor_kvm_stage.share import watchdog\n"
        "def wait(heartbeat):\n"
        "    while not os.path.exists(sys.argv[1]): time.sleep(0.05)\n"
        "    return 0\n"
        # as one that waits for a dead share: the kill does nothing
        "watchdog._kill = lambda group: None\n"
        "try: watchdog.Watchdog(lambda: (wait, 1), 'x').call((), 'wait')\n"
        "except watchdog.SilentError: print('given up')"
    )
    environment = {**os.environ, "PYTHONPATH": str(MODULES)}
    answers = tmp_path / "share answers"
    command = [sys.executable, "-B", "-c", code, str(answers)]
    try:
        result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=60)
    finally:
        answers.touch()
    assert result.stdout == "given up\n"


def test_child_ends_when_nobody_listens_any_more(tmp_path: Path) -> None:
    """The plug-in was killed: its child must not go on and publish a disk that nobody asks for."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom condor_kvm_stage.share import watchdog\n"
        "def action(heartbeat):\n"
        "    Path(sys.argv[1]).touch()\n"
        "    while not Path(sys.argv[2]).exists(): time.sleep(0.01)\n"
        "    heartbeat('publish')\n"
        "    Path(sys.argv[3]).touch()\n"
        "watchdog.Watchdog(lambda: (action, 60), 'x').call((), 'wait')"
    )
    begun, go, published = (tmp_path / name for name in ("begun", "go", "published"))
    environment = {**os.environ, "PYTHONPATH": str(MODULES)}
    process = subprocess.Popen([sys.executable, "-B", "-c", code, begun, go, published], env=environment)
    wait_for(begun.exists, "the action runs")
    process.kill()
    process.wait(30)
    go.touch()
    time.sleep(0.5)
    assert not published.exists()


def test_child_that_is_given_up_is_cleaned_up_after(tmp_path: Path) -> None:
    def action(heartbeat: Heartbeat) -> int:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60)
        return 0

    cleaned: list[int] = []
    with pytest.raises(SilentError):
        run(action, 1, "wait", cleaned.append)
    assert cleaned == [int((tmp_path / "pid").read_text())]


def test_child_that_is_interrupted_is_cleaned_up_after(tmp_path: Path) -> None:
    def action(heartbeat: Heartbeat) -> int:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(0.2)  # still in os.fork(), in a hook of the tests' modules, Python would lose the interruption
        os.kill(os.getppid(), signal.SIGINT)
        time.sleep(60)
        return 0

    cleaned: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(action, 30, "wait", cleaned.append)
    assert cleaned == [int((tmp_path / "pid").read_text())]


def test_child_that_comes_to_its_end_leaves_nothing_to_cleanup() -> None:
    def fail(heartbeat: Heartbeat) -> int:
        raise NodeError("reason")

    cleaned: list[int] = []
    assert run(lambda heartbeat: 1, 10, "count", cleaned.append) == 1
    with pytest.raises(NodeError):
        run(fail, 10, "fail", cleaned.append)
    assert cleaned == []


def test_node_without_room_for_another_process_is_a_failure_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr("posix.fork", fork)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(NodeError, match=r"cannot count: no new process on .*: Resource temporarily unavailable"):
        run(lambda heartbeat: 1, 10, "count")
    assert os.listdir("/proc/self/fd") == before


def test_child_that_is_over_leaves_no_descriptor_open() -> None:
    def sleep(heartbeat: Heartbeat) -> int:
        time.sleep(60)
        return 0

    before = os.listdir("/proc/self/fd")
    with pytest.raises(BugError):
        run(lambda heartbeat: os._exit(1), 10, "die")
    with pytest.raises(SilentError):
        run(sleep, 0.1, "sleep")
    assert os.listdir("/proc/self/fd") == before


def test_one_worker_carries_out_request_after_request() -> None:
    def action(number: int, text: str, heartbeat: Heartbeat) -> int:
        heartbeat("work")
        if number == 1:
            raise NodeError(text)
        if number == 2:
            raise ZeroDivisionError
        return os.getpid()

    watched = Watchdog(lambda: (action, 10), "some-program")
    pid = watched.call((0, ""), "begin")
    with pytest.raises(NodeError, match="reason \udcff"):
        watched.call((1, "reason \udcff"), "fail")
    with pytest.raises(BugError):
        watched.call((2, ""), "divide")
    assert watched.call((3, "x" * 100_000), "go on") == pid


def test_step_of_one_request_is_not_the_next_ones() -> None:
    def action(first: bool, heartbeat: Heartbeat) -> int:
        if first:
            heartbeat("first")
        raise NodeError("reason")

    watched = Watchdog(lambda: (action, 10), "some-program")
    for first, step in ((True, "first"), (False, "")):
        with pytest.raises(NodeError) as caught:
            watched.call((first,), "try")
        assert caught.value.step == step


def test_another_worker_takes_the_place_of_one_that_is_over() -> None:
    def action(how: str, heartbeat: Heartbeat) -> int:
        if how == "die":
            os._exit(1)
        if how == "hang":
            time.sleep(60)
        return os.getpid()

    watched = Watchdog(lambda: (action, 1), "some-program")
    first = watched.call(("",), "begin")
    with pytest.raises(BugError):
        watched.call(("die",), "die")
    second = watched.call(("",), "go on")
    with pytest.raises(SilentError):
        watched.call(("hang",), "hang")
    assert len({first, second, watched.call(("",), "go on")}) == 3


def test_child_that_cannot_begin_says_so_to_every_request(capfd: pytest.CaptureFixture[str]) -> None:
    def refuse() -> tuple[Callable[..., int], float]:
        raise NodeError("broken policy")

    def crash() -> tuple[Callable[..., int], float]:
        raise ZeroDivisionError

    watched = Watchdog(refuse, "some-program")
    for _ in range(2):
        with pytest.raises(NodeError, match="broken policy"):
            watched.call((), "begin")
    with pytest.raises(BugError, match="ZeroDivisionError"):
        Watchdog(crash, "some-program").call((), "begin")
    assert "in crash" in capfd.readouterr().err


def test_child_ends_with_its_parent(tmp_path: Path) -> None:
    """The plug-in has done its work and does not wait."""
    code = (
        "import os, sys\nfrom condor_kvm_stage.share import watchdog\n"
        "print(watchdog.Watchdog(lambda: (lambda heartbeat: os.getpid(), 60), 'x').call((), 'wait'), flush=True)\n"
        "os._exit(0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(MODULES)}
    command = [sys.executable, "-B", "-c", code]
    pid = int(subprocess.run(command, env=environment, check=True, capture_output=True, timeout=30).stdout)
    wait_for(lambda: not runs(pid), "the child has ended")


def test_child_that_was_killed_between_two_requests_is_replaced() -> None:
    """By the kernel, for want of memory: it is not the next file's fault."""
    watched = Watchdog(lambda: (lambda heartbeat: os.getpid(), 10), "some-program")
    pid = watched.call((), "begin")
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert watched.call((), "go on") != pid
