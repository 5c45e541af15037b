#!/usr/bin/env python3
"""Let the builder of guests define what jobs' ads ask for: `ads.py NUMBER`. Ends with a line about all of them.

Whatever an ad says, a domain by libvirt's own schema is printed, in which all is allowed
(support/domain/allowed_xml.py), or a refusal. For one ad of 200, if root runs this, disks and processes are real.
Another outcome is a finding, which ends the run; its ad is kept in build/fuzz/ads. fuzz.py runs this, with the
directory tests on PYTHONPATH.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import hypothesis
from hypothesis import strategies as st

from support.domain import allowed_xml, fake_world, hostile_ads, real_builder
from support.domain.fake_world import WORLDS, World
from support.libvirt_schema import Schema

WORK = Path(__file__).resolve().parents[2] / "build/fuzz/ads"
PROCESSES = 2
REAL = 200  # of so many ads one
# ads in one of hypothesis' test cases, of which each takes as long as an ad does, and where nothing can be made smaller
BATCH = 20
LEAST_SHARE = 0.2  # of domains, and of refusals; else much of it would be in vain

Build = Callable[[World, bytes], "tuple[bytes, World]"]


def main(arguments: list[str]) -> int:
    """Divide the work among processes, or be one of them. Returns the exit status: 0 if there was no finding."""
    number = int(arguments[0])
    if len(arguments) == 2:
        print(*try_some(number, arguments[1] == "real"))
        return 0
    shares = [(number // PROCESSES, "fake")] * PROCESSES + ([(number // REAL, "real")] if os.geteuid() == 0 else [])
    children = [
        subprocess.Popen([sys.executable, __file__, str(share), how], stdout=subprocess.PIPE, text=True)
        for share, how in shares
    ]
    outputs = [child.communicate()[0] for child in children]
    if any(child.returncode for child in children):
        return 1
    results = [list(map(int, output.split())) for output in outputs]
    tried, different, domains = map(sum, zip(*results[:PROCESSES]))
    assert LEAST_SHARE < domains / tried < 1 - LEAST_SHARE
    line = f"no finding in {tried} ads ({different} different): {domains} domains, {tried - domains} refusals"
    for tried, _, domains in results[PROCESSES:]:
        line += f"; in {tried} with real disks: {domains} and {tried - domains}"
    print(line)
    return 0


def try_some(number: int, really: bool) -> tuple[int, int, int]:
    """Try so many ads. Returns how many it were, how many of them were different, and how many have become domains."""
    schema, seen, outcomes = Schema(), set[int](), Counter[bool]()

    def judge(build: Build, node: World, ad: bytes) -> None:
        try:
            printed, world = build(node, ad)
            outcome = allowed_xml.judge(printed, world)
            assert not (outcome.is_domain and schema.fault(printed)), schema.fault(printed)
        except BaseException:
            WORK.mkdir(parents=True, exist_ok=True)
            (WORK / "finding").write_bytes(ad)
            print(f"a finding; its ad is {WORK / 'finding'}, its node {WORLDS.index(node)}", file=sys.stderr)
            raise
        seen.add(hash(ad))
        outcomes[outcome.is_domain] += 1

    def run(build: Build) -> None:
        def test(seed: int) -> None:
            source = Random(seed)
            for _ in range(BATCH):
                judge(build, source.choice(WORLDS), hostile_ads.make(source))

        settings = hypothesis.settings(
            max_examples=-(-number // BATCH),
            database=None,
            deadline=None,
            phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        hypothesis.seed(random.SystemRandom().getrandbits(64))(
            settings(hypothesis.given(st.integers(0, (1 << 64) - 1))(test))
        )()

    if really:
        # not in /tmp, to which all can write
        with tempfile.TemporaryDirectory(dir="/run") as directory:
            Path(directory).chmod(0o755)
            with real_builder.building(Path(directory)) as build_really:
                run(build_really)
    else:
        with fake_world.building() as build:
            run(lambda node, ad: (build(node, ad), node))
    return sum(outcomes.values()), len(seen), outcomes[True]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
