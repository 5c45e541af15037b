"""QEMU as the oracle: it opens image after image, as a guest does, and says what that costs and what it reads."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from condor_kvm_stage import proc_stat

from .generated_images import Piece

_PROMPT = b"qemu-io> "
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Opened:
    """What became of one image. fault: QEMU's words, "" if it is open. processor: seconds of its time. memory: bytes.

    wrong: the first part of the disk that is not what it must be, as QEMU says it.
    """

    fault: str
    processor: float
    memory: int
    wrong: str = ""


class Oracle:
    """A qemu-io that lives on: to start one takes ten times as long as to open an image."""

    def __init__(self, command: Iterable[str] = ("qemu-io",), limit: float = 20) -> None:
        self._command = list(command)
        self._limit = limit
        self._process = self._start()

    def __enter__(self) -> Oracle:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()

    def try_to_open(
        self, path: Path | str, image_format: str, *, writable: bool, content: Iterable[Piece] = ()
    ) -> Opened:
        """Open an image, and compare its content if there is one to compare it with."""
        before = self._reset_peak(), self._cpu()
        how = "" if writable else "-r "
        said = self._do(f"open {how}-o driver={image_format} {path}")
        if self._process.poll() is not None:
            self._process = self._start()
            return Opened(f"qemu-io ended: {said}", 0, 0)
        memory, processor = self._status("VmHWM") - before[0], self._cpu() - before[1]
        if "can't open" in said:
            return Opened(said, processor, memory)
        wrong = ""
        for piece in content:
            said = self._do(f"read -P {piece.byte} {piece.offset} {piece.length}")
            if "failed" in said or "error" in said.lower():
                wrong = f"{piece}: {said}"
                break
        self._do("close")
        return Opened("", processor, memory, wrong)

    def _start(self) -> subprocess.Popen[bytes]:
        # What is freed goes back to the system at once, so that the next image's memory can be seen
        thresholds = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        environment = {**os.environ, "LC_ALL": "C", **thresholds}
        self._process = subprocess.Popen(self._command, env=environment, bufsize=0, **pipes)  # type: ignore[call-overload]
        self._answer()
        return self._process

    def _do(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        return self._answer()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        received, deadline = b"", time.monotonic() + self._limit
        while not received.endswith(_PROMPT):
            if not select.select([self._process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                self._process.send_signal(signal.SIGKILL)
                self._process.wait()
                return f"no answer within {self._limit} s"
            chunk = os.read(self._process.stdout.fileno(), 65536)
            if not chunk:
                self._process.wait()
                break
            received += chunk
        return received.removesuffix(_PROMPT).decode("utf-8", "replace").strip()

    def _reset_peak(self) -> int:
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")
        return self._status("VmRSS")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) << 10
        raise AssertionError(name)

    def _cpu(self) -> float:
        fields = proc_stat.read(self._process.pid)
        return (int(fields[proc_stat.USER_TIME]) + int(fields[proc_stat.SYSTEM_TIME])) / _TICKS
