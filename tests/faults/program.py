"""The real plug-in as HTCondor's starter runs it: a process of the job's user, whose output is read to its end."""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import classad2

from support import installed_plugin
from support.processes import NOBODY, of_session

TIMEOUT_AFTER_SILENCE = 1  # seconds, instead of the program's own 5: how long it waits once a share has been silent


@dataclass
class Outcome:
    """What a run left: its exit status, result ads, duration, and whether a process that it started is left."""

    status: int
    ads: list[dict[str, Any]]
    seconds: float
    session: int

    @property
    def error(self) -> dict[str, Any]:
        """TransferErrorData of the one file, which agrees with its hold reason."""
        (ad,) = self.ads
        assert ad["TransferSuccess"] is False
        (error,) = ad["TransferErrorData"]
        assert isinstance(error, dict)
        assert error["ErrorCode"] == self.status
        # up to the first semicolon, which is not for a hold reason
        assert ad["TransferError"].startswith(error["ErrorString"].partition(";")[0])
        return error

    def has_left_a_process(self) -> bool:
        return of_session(self.session) != []


class Run:
    """The program while it runs. pid: also its session's."""

    def __init__(self, process: subprocess.Popen[bytes], outfile: Path) -> None:
        self._process = process
        self._outfile = outfile
        self._started = time.monotonic()
        self.pid = process.pid

    def finish(self) -> Outcome:
        """Wait for the end of the program's output, as the starter does, not only for that of the program."""
        try:
            output, messages = self._process.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            self.kill_all()
            raise
        seconds = time.monotonic() - self._started
        assert output + messages == b"", (output + messages).decode("utf-8", "replace")  # a bug's traceback
        ads = classad2.parseAds(self._outfile.read_text(encoding="utf-8"), parser=classad2.ParserType.New)
        return Outcome(self._process.returncode, [json.loads(ad.printJson()) for ad in ads], seconds, self.pid)

    def has_ended(self) -> bool:
        """Whether that is true of all that the program has started, too."""
        return not of_session(self.pid)

    def kill_plugin(self, number: int = signal.SIGKILL) -> None:
        """Kill the program, but not what it has started."""
        self._process.send_signal(number)
        self._process.communicate(timeout=60)

    def kill_all(self) -> None:
        """Kill the program and what it has started. Who hangs in the kernel stays until that lets him go."""
        for _ in range(3):  # one may have started another meanwhile
            for pid in of_session(self.pid):
                with contextlib.suppress(ProcessLookupError):  # it has ended just now
                    os.kill(pid, signal.SIGKILL)
        self._process.communicate(timeout=60)


class Plugin:
    """The program, a policy of its own, and a directory for the lists that HTCondor would give to it."""

    def __init__(self, program: Path, policy: Path, lists: Path) -> None:
        self._program = program
        self._policy = policy
        self._lists = lists

    def set_policy(self, settings: str) -> None:
        self._policy.write_text(f"[staging]\n{settings}\n", encoding="utf-8")

    def start(self, *files: tuple[str, Path], upload: bool = False, outfile: Path | None = None) -> Run:
        """Start to transfer files (URL, local path)."""
        lists = Path(tempfile.mkdtemp(dir=self._lists))
        lists.chmod(0o755)
        infile, outfile = lists / "in", outfile or lists / "out"
        ads = (classad2.ClassAd({"Url": url, "LocalFileName": str(path)}) for url, path in files)
        infile.write_text("\n".join(map(str, ads)), encoding="utf-8")
        outfile.touch()
        os.chown(outfile, NOBODY, NOBODY)
        process = subprocess.Popen(
            [self._program, "-infile", infile, "-outfile", outfile, *(["-upload"] if upload else [])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
        )
        return Run(process, outfile)

    def stage(self, url: str, scratch: Path, outfile: Path | None = None) -> Outcome:
        return self.start((url, scratch / "file"), outfile=outfile).finish()

    def upload(self, source: Path, url: str) -> Outcome:
        return self.start((url, source), upload=True).finish()


def install(directory: Path) -> tuple[Path, Path]:
    """Make a copy of the program in a directory that everybody may read. Returns its path, and that of its policy."""
    policy, program = directory / "config.toml", directory / "vm-nfs-plugin"
    modules = installed_plugin.copy_modules(directory)
    assert compileall.compile_dir(modules, quiet=1)
    before = (
        "import condor_kvm_stage.share.watchdog\n"
        "import condor_kvm_stage.installed\n\n"
        f"condor_kvm_stage.share.watchdog.TIMEOUT_AFTER_SILENCE = {TIMEOUT_AFTER_SILENCE}\n"
        f"condor_kvm_stage.installed.POLICY = {str(policy)!r}\n"
    )
    installed_plugin.write(program, modules, before)
    return program, policy
