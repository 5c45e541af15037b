"""Run commands alternately and measure each. Runs on the node, without other modules; its own start is not timed.

usage: timer.py FILE, which holds a JSON object: `scratch`, a directory that is to be created; `rounds`; `apart` (see
peak); `variants`: name to `files` (name to text, created in the scratch directory) and `commands`, which are run there
one after the other, as one sample. Prints a JSON object: name to a list of [seconds, peak, written, allocated,
processor]. Ends at the first command that fails, with its output, and the contents of its files.

seconds: wall time from start to end of each command, as seen by the caller. Processes that it leaves running are waited
for afterwards. Not meaningful with `apart`.
peak: ru_maxrss, in KiB, of the largest process among the command and its descendants. Orphans count, too: they become
children of this process (PR_SET_CHILD_SUBREAPER). A process keeps the peak that it had before execve(2), which would be
this timer's. So the peak is only meaningful with `apart`: a shell starts the command and ends, and only its orphans
count. The minimum is then the 2 MiB of a shell.
written: bytes that the kernel counted as written to a disk by these processes (ru_oublock), 0 on a tmpfs.
allocated: bytes of the blocks of the files that the commands left in the scratch directory.
processor: seconds that these processes, and those that they waited for, had a processor.
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
    os.sync()  # so that the writes of the previous sample do not slow this one
    os.mkdir(scratch)
    try:
        os.chdir(scratch)
        for name, text in files.items():
            with open(name, "w", encoding="utf-8") as file:
                file.write(text)
        seconds = processor = 0.0
        peak = written = 0
        for command in commands:
            taken, largest, blocks, used = _run(command, apart)
            seconds, peak, written = seconds + taken, max(peak, largest), written + blocks * _BLOCK
            processor += used
        left = [os.lstat(name).st_blocks * _BLOCK for name in os.listdir() if name not in files]
        return [seconds, peak, written, sum(left), processor]
    finally:
        os.chdir("/")
        shutil.rmtree(scratch)


def _run(command: list[str], apart: bool) -> tuple[float, int, int, float]:
    """Return the seconds until the command ended, the largest peak, the blocks written, the processor's seconds.

    Ends this program if the command failed.
    """
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
        peak, blocks, used = (0 if apart else usage.ru_maxrss), usage.ru_oublock, usage.ru_utime + usage.ru_stime
        while True:
            if status:
                said = os.pread(output, _SHOWN, 0).decode(errors="replace") + _in_files()
                sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}\n{said}".rstrip())
            try:
                _, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                return seconds, peak, blocks, used
            peak, blocks = max(peak, usage.ru_maxrss), blocks + usage.ru_oublock
            used += usage.ru_utime + usage.ru_stime
    finally:
        os.close(output)


def _in_files() -> str:
    """Return the contents of small files in the current directory: a plug-in writes its error to its out-file."""
    found = ""
    for name in sorted(os.listdir()):
        if os.path.getsize(name) < _SHOWN:
            with open(name, encoding="utf-8", errors="replace") as file:
                found += f"{name}: {file.read().strip()}\n"
    return found


if __name__ == "__main__":
    main(sys.argv[1])
