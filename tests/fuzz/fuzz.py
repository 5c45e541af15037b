#!/usr/bin/env python3
"""Fuzz the parsers, guided by coverage (atheris), all at once: `fuzz.py SECONDS`. Ends with a line for each parser.

A finding (an exception that is not the parser's own, an input that takes more than 5 s, more than 64 MiB besides what
interpreter and fuzzer need) ends that parser's run; the input is kept in build/fuzz. Beside them, ads.py lets the
builder of guests define the virtual machines of 100,000 jobs, cut_images.py tries 20,000 partial images, and images.py
lets QEMU open 20,000 generated ones, however long that takes.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PATHS = [str(HERE.parents[1] / "src"), str(HERE.parents[1] / "tools"), str(HERE.parent), str(HERE)]
sys.path[:0] = PATHS

WORK = HERE.parents[1] / "build/fuzz"
MEMORY = 64  # MiB
HANG = 5  # seconds
ADS = 100_000
CUTS = 20_000
IMAGES = 20_000


def main(arguments: list[str]) -> int:
    """Run all targets, or as a child of that one target. Returns the exit status: 0 if there was no finding."""
    if len(arguments) == 2:
        fuzz_one(arguments[0], int(arguments[1]))
    seconds = int(arguments[0])
    from targets import TARGETS

    print(
        f"==> fuzzing {', '.join(TARGETS)} for {seconds} s, {ADS} ads, {CUTS} partial images, {IMAGES} others, at once",
        flush=True,
    )
    commands = {name: [sys.executable, __file__, name, str(seconds)] for name in TARGETS}
    commands["ads"] = [sys.executable, str(HERE / "ads.py"), str(ADS)]
    commands["cuts"] = [sys.executable, str(HERE / "cut_images.py"), str(CUTS)]
    commands["images"] = [sys.executable, str(HERE / "images.py"), str(IMAGES)]
    children = {}
    for name, command in commands.items():
        log = WORK / name / "log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "wb") as output:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS)}
            children[name] = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    failed = [name for name, child in children.items() if child.wait() != 0]
    for name in commands:
        print(report(name, name in failed))
    return 1 if failed else 0


def fuzz_one(name: str, seconds: int) -> None:
    """Fuzz one target. Does not return."""
    import atheris

    with atheris.instrument_imports(include=["condor_kvm_stage"]):
        from targets import TARGETS
    target = TARGETS[name]
    corpus = WORK / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    limits = [f"-max_total_time={seconds}", f"-timeout={HANG}", f"-rss_limit_mb={own + MEMORY}"]
    files = [f"-artifact_prefix={WORK / name}/", f"-max_len={target.largest}", "-print_final_stats=1", str(corpus)]
    print(f"interpreter and fuzzer: {own} MiB", flush=True)
    atheris.Setup([sys.argv[0], *limits, *files], target.run)
    atheris.Fuzz()


def report(name: str, failed: bool) -> str:
    """Return a line with the figures in a target's log."""
    log = (WORK / name / "log").read_text(encoding="utf-8", errors="replace")
    figures = {key: int(value) for key, value in re.findall(r"^stat::(\w+): +(\d+)", log, re.MULTILINE)}
    own = int((re.findall(r"^interpreter and fuzzer: (\d+) MiB", log, re.MULTILINE) or ["0"])[0])
    memory = figures.get("peak_rss_mb", 0) - own
    if failed:
        return f"{name:8} A FINDING; see {WORK / name}/log:\n" + "\n".join(log.splitlines()[-25:])
    if name in ("ads", "cuts", "images"):
        return f"{name:8} {log.splitlines()[-1]}"
    runs, speed = figures["number_of_executed_units"], figures["average_exec_per_sec"]
    return (
        f"{name:8} no finding in {runs} inputs ({speed} each second), {memory} MiB besides the fuzzer's own {own} MiB"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
