#!/usr/bin/env python3
"""Let QEMU open generated images, sound ones and mutants: `images.py NUMBER`. Ends with a line about all of them.

Every sound image must be accepted, and each that is accepted QEMU must open as a guest would, both as a disk that is
written to and as a base image, in 1 s and 64 MiB, and read what was in it (support/judged_images.py). As root, all
versions of QEMU in the test nodes' roots are asked; else this machine's. Another outcome is a finding, which ends the
run; the image is kept in build/fuzz/images. fuzz.py runs this, with the directories tests and tools on PYTHONPATH.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import divided

from support import generated_images, judged_images
from support.judged_images import ACCEPTED, Place
from support.qemu_oracle import Oracle
from testnode import container
from testnode.recipe import Release

WORK = Path(__file__).resolve().parents[2] / "build/fuzz/images"
SOUND = 100  # images of random subformats, besides one of each; for so many mutants:
BATCH = 2000
INSIDE = "/srv/generated"  # in a root


def main(arguments: list[str]) -> int:
    """Divide the work among processes, or be one of them. Returns the exit status: 0 if there was no finding."""
    number = int(arguments[0])
    if len(arguments) == 2:
        print(*try_some(number, int(arguments[1])))
        return 0
    figures = divided.run(__file__, number)
    if figures is None:
        return 1
    versions, tried, accepted, sound = figures
    print(
        f"no finding in {sum(tried)} images ({sum(sound)} as qemu-img writes them): {sum(accepted)} accepted, and "
        f"opened by {versions[0]} version(s) of QEMU"
    )
    return 0


def try_some(number: int, seed: int) -> tuple[int, int, int, int]:
    """Try so many images. Returns how many QEMUs there were, images, accepted ones, and sound ones."""
    source, verdicts, sound_ones = Random(seed), Counter[str](), 0
    with contextlib.ExitStack() as stack:
        places = list(stack.enter_context(_places()))
        while verdicts.total() < number:
            sounds = []
            for make in generated_images.qcow2_makers(source, SOUND):
                sounds.append(make(places[0].path.parent))
            for place in places:
                _give_bases(places[0], place)
            sound_ones += len(sounds)
            images = [*sounds, *(generated_images.mutate(source.choice(sounds), source) for _ in range(BATCH))]
            for image in images:
                try:
                    for writable in (True, False):
                        verdict = judged_images.judge(image, places, writable=writable)
                except BaseException:
                    WORK.mkdir(parents=True, exist_ok=True)
                    image.write(WORK / "finding")
                    print(f"a finding: {image.name}; the image is {WORK / 'finding'}", file=sys.stderr)
                    raise
                verdicts[verdict] += 1
    return len(places), verdicts.total(), verdicts[ACCEPTED], sound_ones


@contextlib.contextmanager
def _places() -> Iterator[list[Place]]:
    """Give the directories to write images into, each with its QEMU."""
    with contextlib.ExitStack() as stack:
        if os.geteuid() != 0:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
            directory.chmod(0o755)
            yield [Place(directory, stack.enter_context(Oracle()))]
            return
        places = []
        for release in Release:
            tree = stack.enter_context(container.tree(release))
            directory = tree / INSIDE.lstrip("/")
            directory.mkdir()
            _walkable(directory)
            oracle = stack.enter_context(Oracle(("chroot", str(tree), "qemu-io")))
            places.append(Place(directory, oracle, INSIDE))
        yield places


def _walkable(directory: Path) -> None:
    """Let all search a directory: the backing files in it are inspected as if they were on a share."""
    for each in (directory, *directory.parents):
        if each.stat().st_uid == 0 and each.name.startswith("tree-"):
            each.chmod(0o755)


def _give_bases(first: Place, other: Place) -> None:
    for base in first.path.parent.glob("base.*"):
        target = other.path.parent / base.name
        if target != base:
            target.write_bytes(base.read_bytes())
        target.chmod(0o644)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
