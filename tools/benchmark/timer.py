"""Runs on the node, and so stands alone: runs commands in turn, and says what each took. The way there is not timed.

usage: timer.py FILE, which holds a JSON object: `scratch`, a directory that is not there; `rounds`; `apart`, see peak;
`variants`: name to `files` (name to text, made in the scratch directory) and `commands`, which are run there one after
the other, as one sample. Prints a JSON object: name to a list of [seconds, peak, written, allocated]. Ends at the first
command that fails, with what that said, in a file, too.

seconds: from the start of each command to its end, as who waits for it sees it. What it leaves running is waited for
afterwards. Of no use with `apart`.
peak: ru_maxrss, in KiB, of the largest process, of those that the command started, too, whether it waited for them or
not: who loses its parent becomes this process's child (PR_SET_CHILD_SUBREAPER). A process inherits the peak of what it
was before execve(2), which would be this timer's. So a peak is one only with `apart`: a shell starts the command and
ends, and only what comes after it counts; a shell's 2 MiB are the least that is seen then.
written: bytes that the kernel counted as to be written to a disk for these processes (ru_oublock), 0 on a tmpfs.
allocated: bytes of the blocks of what the commands left in the scratch directory.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_APART = ["/bin/sh", "-c", '"$@" &', "sh"]
_SHOWN = 65536  # bytes
_BLOCK = 512  # bytes: ru_oublock's unit, and st_blocks'


def main(request: str) -> None:
    with open(request, encoding="utf-8") as file:
        asked = json.load(file)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    samples: dict[str, list[list[float]]] = {name: [] for name in asked["variants"]}
    for _ in range(asked["rounds"]):
        for name, variant in asked["variants"].items():
            samples[name].append(_sample(asked["scratch"], asked["apart"], variant["files"], variant["commands"]))
    print(json.dumps(samples))


def _sample(scratch: str, apart: bool, files: dict[str, str], commands: list[list[str]]) -> list[float]:
    os.sync()  # what the sample before has written is not to be written at this one's expense
    os.mkdir(scratch)
    try:
        os.chdir(scratch)
        for name, text in files.items():
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        seconds = 0.0
        peak = written = 0
        for command in commands:
            taken, largest, blocks = _run(command, apart)
            seconds, peak, written = seconds + taken, max(peak, largest), written + blocks * _BLOCK
        left = [os.lstat(name).st_blocks * _BLOCK for name in os.listdir() if name not in files]
        return [seconds, peak, written, sum(left)]
    finally:
        os.chdir("/")
        shutil.rmtree(scratch)


def _run(command: list[str], apart: bool) -> tuple[float, int, int]:
    """Return the seconds until the command ended, the largest peak, the blocks written. Ends this one if it failed."""
    words = [*_APART, *command] if apart else command
    output = os.memfd_create("output")
    try:
        started = time.perf_counter()
        first = os.posix_spawnp(
            words[0],
            words,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
        )
        _, status, usage = os.wait4(first, 0)
        seconds = time.perf_counter() - started
        peak, blocks = (0 if apart else usage.ru_maxrss), usage.ru_oublock
        while True:
            if status:
                said = os.pread(output, _SHOWN, 0).decode(errors="replace") + _in_files()
                sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}\n{said}".rstrip())
            try:
                _, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                return seconds, peak, blocks
            peak, blocks = max(peak, usage.ru_maxrss), blocks + usage.ru_oublock
    finally:
        os.close(output)


def _in_files() -> str:
    """Return what the small files in the current directory hold: a plug-in that fails says so in its out-file."""
    found = ""
    for name in sorted(os.listdir()):
        if os.path.getsize(name) < _SHOWN:
            with open(name, encoding="utf-8", errors="replace") as file:
                found += f"{name}: {file.read().strip()}\n"
    return found


if __name__ == "__main__":
    main(sys.argv[1])
