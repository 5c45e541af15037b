#!/usr/bin/env python3
"""Cut sound images short and let QEMU say what a guest reads from the rest: `cut_images.py NUMBER`, of cuts.

Sound images of every kind must be accepted, and of the cut ones only those from which a guest reads the same (see
unit/images/test_cut_images.py, which tries a sample). Ends with a line about all of them. Another outcome is a finding,
which ends the run; its message says with which seed. fuzz.py runs this, with the directory tests on PYTHONPATH.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import count
from pathlib import Path
from random import Random

import divided

from support import cut_images

CUTS = 11  # of each image


def main(arguments: list[str]) -> int:
    """Divide the work among processes, or be one of them. Returns the exit status: 0 if there was no finding."""
    number = int(arguments[0])
    if len(arguments) == 2:
        print(*try_some(number, int(arguments[1])))
        return 0
    figures = divided.run(__file__, number)
    if figures is None:
        return 1
    images, cuts = map(sum, figures)
    print(f"no finding in {images} sound images and {cuts} cut ones")
    return 0


def try_some(number: int, seed: int) -> tuple[int, int]:
    """Try at least so many cuts. Returns how many images there were, and how many cuts."""
    images = cuts = 0
    for one in count(seed * 1_000_000):
        random = Random(one)
        with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
            Path(directory).chmod(0o755)
            for sounds in (
                cut_images.qcow2(Path(directory), random, cut_images.OPTIONS),
                cut_images.raw(Path(directory), random),
            ):
                try:
                    found = cut_images.judge(sounds, random, CUTS)
                except AssertionError as error:
                    raise AssertionError(f"seed {one}") from error
                images, cuts = images + found[0], cuts + found[1]
        if cuts >= number:
            return images, cuts
    raise AssertionError("count() ends")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
