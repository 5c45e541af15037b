"""Divide a fuzzer's work among processes, each with a seed of its own."""

from __future__ import annotations

import os
import subprocess
import sys

PROCESSES = 2


def run(program: str, number: int) -> list[tuple[int, ...]] | None:
    """Let each process try a part of `number`. Returns each figure that they print, of all of them; None if one fails.

    program: the path of a Python program that is called with its part and a seed, and prints figures on one line.
    """
    seed = int.from_bytes(os.urandom(4), "big")
    commands = [[sys.executable, program, str(number // PROCESSES), str(seed + each)] for each in range(PROCESSES)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    outputs = [child.communicate()[0] for child in children]
    if any(child.returncode for child in children):
        return None
    return list(zip(*(map(int, output.split()) for output in outputs)))
