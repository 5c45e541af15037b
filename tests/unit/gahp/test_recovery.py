"""A node that was at fault gets its VM universe back once control guests start, and not before."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.gahp import judge, recovery
from condor_kvm_stage.installed import BUILD_DOMAIN, RECOVERY
from support.fake_host import FakeHost

KILLER = 64999  # a user whom nobody else is

NAME = "worker.example.org"


class Pool:
    """What the node's programs answer. trials: the exit statuses of the control guests, one after the other."""

    def __init__(self, trials: list[int], offline: bool = True, running: bool = True) -> None:
        self.trials, self.offline, self.running = trials, offline, running
        self.told = 0
        self.asked: list[tuple[str, ...]] = []  # of build-domain

    def answer(self, command: tuple[str, ...]) -> Answer:
        name = Path(command[0]).name
        if name == "build-domain":
            self.asked.append(command[1:])
            return Answer(self.trials.pop(0))
        if name == "condor_config_val":
            return Answer(0, "/execute\n" if command[1] == "EXECUTE" else f"{NAME}\n")
        if name == "condor_status":
            assert json.dumps(NAME) in command[2]
            return Answer(0, "slot1@worker\n" if self.offline else "") if self.running else Answer(1)
        assert name == "condor_update_machine_ad"
        self.told += 1
        return Answer(0)


def run(tmp_path: Path, pool: Pool, *until: int | str) -> list[float]:
    """Run it. Returns for how long it slept. until: who must reach EXECUTE, or the image that guests must open."""
    programs = ("condor_config_val", "condor_status", "condor_update_machine_ad")
    paths = [BUILD_DOMAIN, *(f"/usr/bin/{name}" for name in programs)]
    host = FakeHost(tmp_path, programs=dict.fromkeys(paths, pool.answer))
    host.path(RECOVERY).parent.mkdir(parents=True, exist_ok=True)
    slept: list[float] = []
    recovery.run(host, [*map(str, until)], slept.append)
    return slept


def test_startd_is_told_when_guests_start_again(tmp_path: Path) -> None:
    pool = Pool([1, 1, 0])
    assert run(tmp_path, pool) == [20, 20, 20]
    assert pool.told == 1


def test_startd_that_has_started_again_need_not_be_told(tmp_path: Path) -> None:
    pool = Pool([0], offline=False)
    run(tmp_path, pool)
    assert pool.told == 0


def test_a_node_that_is_broken_for_long_is_tried_less_often(tmp_path: Path) -> None:
    assert run(tmp_path, Pool([1] * 40 + [0]))[-1] == 60


def test_nobody_is_told_while_htcondor_does_not_run(tmp_path: Path) -> None:
    pool = Pool([0, 0], running=False)

    def starts(command: tuple[str, ...], answer: object = pool.answer) -> Answer:
        pool.running = len(pool.trials) == 0
        return Pool.answer(pool, command)

    pool.answer = starts  # type: ignore[method-assign]
    assert len(run(tmp_path, pool)) == 2
    assert pool.told == 1


def test_one_process_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", taken)
    assert run(tmp_path, Pool([])) == []


def test_node_is_not_well_while_users_cannot_reach_their_jobs_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int, str]] = []

    def reaches(*user_and_directory: object) -> bool:
        asked.append(user_and_directory)  # type: ignore[arg-type]
        return len(asked) == 2

    monkeypatch.setattr(recovery, "reaches", reaches)
    pool = Pool([0, 0])
    assert len(run(tmp_path, pool, 1000, 1001)) == 2
    assert asked[0] == (1000, 1001, str(tmp_path / "execute"))
    assert pool.told == 1
    run(tmp_path, Pool([0]))
    assert len(asked) == 2, "it was another fault"


def test_node_is_not_well_while_guests_may_not_read_an_image(tmp_path: Path) -> None:
    image = "/srv/images/with blank \udcff.qcow2"
    pool = Pool([1, 0])
    assert len(run(tmp_path, pool, image)) == 2
    assert pool.asked == [("--try-guests", image)] * 2
    assert pool.told == 1
    later = Pool([0])
    run(tmp_path, later)
    assert later.asked == [("--try-guests",)], "it was another fault"


def open_to_all(path: Path) -> None:
    for directory in (path, *path.parents):
        if directory != Path("/tmp") and directory.is_relative_to("/tmp"):
            directory.chmod(0o755)


@pytest.mark.parametrize(("mode", "found"), [(0o711, True), (0o700, False)])
def test_user_reaches_what_is_searchable(tmp_path: Path, mode: int, found: bool) -> None:
    if os.geteuid():
        pytest.skip("needs root, to become another user")
    open_to_all(tmp_path)
    (tmp_path / "execute").mkdir()
    (tmp_path / "execute").chmod(mode)
    assert judge.reaches(65534, 65534, str(tmp_path / "execute")) is found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_user_who_kills_whatever_runs_as_this_user_does_not_put_the_node_at_fault(tmp_path: Path) -> None:
    open_to_all(tmp_path)
    killer = (
        "import os, signal, sys\n"
        f"os.setgroups([]); os.setresgid({KILLER}, {KILLER}, {KILLER}); os.setresuid({KILLER}, {KILLER}, {KILLER})\n"
        "print('ready', flush=True)\n"
        "while os.getppid() == int(sys.argv[1]):\n"
        "    try:\n"
        "        os.kill(-1, signal.SIGKILL)\n"
        "    except ProcessLookupError:\n"
        "        pass\n"
    )
    command = [sys.executable, "-c", killer, str(os.getpid())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        found = [judge.reaches(KILLER, KILLER, str(tmp_path)) for _ in range(100)]
        process.kill()
    assert all(found), f"{found.count(False)} of {len(found)} times the user seemed to reach nothing"
