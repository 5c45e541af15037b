"""The benchmark's timer, which runs on a node: commands in turn, nothing left behind, the memory of orphans, too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmark import timer

pytestmark = pytest.mark.needs_repository

TIMER = Path(timer.__file__)
MANY = 40  # MiB
# A child that takes memory, for whose end its parent does not wait
ORPHAN = f"import os; os.fork() or (os.setsid(), bytearray({MANY} << 20))"


def run(tmp_path: Path, *, rounds: int = 1, apart: bool = False, **variants: Any) -> subprocess.CompletedProcess[str]:
    request = {"scratch": str(tmp_path / "job"), "rounds": rounds, "apart": apart, "variants": variants}
    (tmp_path / "request").write_text(json.dumps(request), encoding="utf-8")
    command = [sys.executable, "-IBS", str(TIMER), str(tmp_path / "request")]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def samples(result: subprocess.CompletedProcess[str]) -> dict[str, list[list[float]]]:
    assert result.returncode == 0, result.stderr
    found: dict[str, list[list[float]]] = json.loads(result.stdout)
    return found


def variant(*commands: list[str], **files: str) -> dict[str, Any]:
    return {"commands": commands, "files": files}


def shell(script: str) -> list[str]:
    return ["sh", "-euc", script]


def test_variants_run_in_turn_each_in_a_fresh_directory_with_its_files(tmp_path: Path) -> None:
    script = f"cat word; cat word >> {tmp_path}/order; [ ! -e left ]; echo > left"
    found = samples(run(tmp_path, rounds=2, a=variant(shell(script), word="A"), b=variant(shell(script), word="B")))
    assert {name: len(rounds) for name, rounds in found.items()} == {"a": 2, "b": 2}
    assert (tmp_path / "order").read_text(encoding="ascii") == "ABAB"
    assert not (tmp_path / "job").exists()


def test_commands_of_a_variant_are_one_sample(tmp_path: Path) -> None:
    ((once, *_),) = samples(run(tmp_path, a=variant(["sleep", "0.1"])))["a"]
    ((twice, *_),) = samples(run(tmp_path, a=variant(["sleep", "0.1"], ["sleep", "0.1"])))["a"]
    assert once >= 0.1
    assert twice >= 0.2


@pytest.mark.parametrize("apart", [False, True])
def test_command_that_fails_ends_it_with_what_it_said(tmp_path: Path, apart: bool) -> None:
    failing = variant(shell("echo out; echo err >&2; echo why > results; exit 7"))
    result = run(tmp_path, apart=apart, a=failing, b=variant(["touch", f"{tmp_path}/later"]))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith("exit 7: exit status 7\nout\nerr\nresults: why\n")
    assert not (tmp_path / "later").exists()
    assert not (tmp_path / "job").exists()


def test_peak_is_that_of_a_child_that_outlives_its_parent_too(tmp_path: Path) -> None:
    found = samples(run(tmp_path, apart=True, a=variant([sys.executable, "-IBSc", ORPHAN])))
    ((_, peak, *_),) = found["a"]
    assert MANY << 10 < peak < (MANY + 20) << 10


def test_peak_of_a_small_program_is_small(tmp_path: Path) -> None:
    ((_, peak, *_),) = samples(run(tmp_path, apart=True, a=variant(["true"])))["a"]
    assert peak < 5 << 10, "not this timer's own, nor the interpreter's"


def test_blocks_of_what_is_left_are_counted_but_for_the_files_that_were_there(tmp_path: Path) -> None:
    making = variant(shell("head -c 65536 /dev/zero > new; truncate -s 1G sparse"), given="x" * 100_000)
    ((_, _, _, allocated, _),) = samples(run(tmp_path, a=making))["a"]
    assert 65536 <= allocated < 100_000


def test_processor_time_is_that_of_all_processes_but_not_while_they_sleep(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.1: pass"
    by_a_child = shell(f"'{sys.executable}' -IBSc '{busy}'; sleep 1")
    ((*_, processor),) = samples(run(tmp_path, a=variant(by_a_child, [sys.executable, "-IBSc", busy])))["a"]
    assert 0.2 < processor < 1
