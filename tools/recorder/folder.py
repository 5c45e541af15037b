"""What was recorded, as the files of a folder and the record for its host.toml."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.installed import SNIPPET
from condor_kvm_stage.share.mounts import MOUNTINFO

from .layers import GOLDEN, Record
from .recording_host import Recording, RecordingHost
from .scrub import Scrubber

_TREES = ("/proc/", "/sys/", "/etc/", "/run/", "/dev/", "/.")  # the last: what makers of containers leave
_CPUS = "/proc/cpuinfo"
_MOST_NAMES = 32  # of a directory of which only the names count


# Of libvirt's documents: thousands of lines on models of CPUs, and on all that each emulator can do
_BULKY = re.compile(r"^( *)<(cpu|topology|guest)( [^>]*)?>\n.*?^\1</\2>\n", re.MULTILINE | re.DOTALL)
_TEXTS = ("output", "errors", "fault", "when")


def write_files(host: RecordingHost, into: Path, scrubber: Scrubber) -> None:
    """Write the files that were read, and what was only looked for."""
    recording = host.recording
    texts = {path: text for path, text in recording.contents.items() if path.startswith(_TREES)}
    mounts = texts.pop(MOUNTINFO, None)
    if mounts is not None:
        named = "\n".join([*texts.values(), *(" ".join(command) for command, _ in recording.answers)])
        _write(into, MOUNTINFO, scrubber.mounts(mounts, named))
    for path, text in texts.items():
        _write(into, path, scrubber.text(_short(text) if path == _CPUS else text))
    listed = [f"{path}/{name}" for path, names in recording.listings.items() for name in names[:_MOST_NAMES]]
    for path in sorted([*recording.present, *listed], reverse=True):  # what is in a directory before the directory
        if path.startswith(_TREES) and not (into / path.lstrip("/")).exists():
            # git holds no empty directories
            _write(into, f"{path}/.keep" if host.is_real_directory(path) else path, "")


def link_snippet(into: Path) -> None:
    """Let the snippet in place be the golden file beside it, which names no version."""
    link = into / SNIPPET.lstrip("/")
    link.unlink()
    link.symlink_to(Path(*[".."] * len(Path(SNIPPET).parent.parts[1:]), GOLDEN[0]))


def record(host: RecordingHost, about: str, scrubber: Scrubber) -> Record:
    """Return what is not a file, as host.toml holds it."""
    recording = host.recording
    return {
        "about": about,
        "machine": os.uname().machine,
        "kvm": recording.kvm,
        "root": host.is_root(),
        "installed": sorted(recording.found - {command[0] for command, _ in recording.answers}),
        "modes": {path: f"{mode:04o}" for path, mode in sorted(recording.modes.items())},
        "sockets": dict(sorted(recording.sockets.items())),
        "programs": [
            {name: scrubber.text(value) if name in _TEXTS else value for name, value in program.items()}
            for program in answers(recording)
        ],
    }


def answers(recording: Recording) -> list[dict[str, Any]]:
    """Return the answers of programs; `when` is a word that tells a command line from others of the same program."""
    by_program: dict[str, list[tuple[tuple[str, ...], Answer]]] = {}
    for command, said in recording.answers:
        by_program.setdefault(command[0], []).append((command, said))
    found: list[dict[str, Any]] = []
    for path in sorted(by_program):
        told: list[dict[str, Any]] = []
        runs = by_program[path]
        for command, said in runs:
            others = {word for other, its in runs if its != said for word in other}
            word = next((word for word in command[1:] if word not in others and not word.startswith("/tmp/")), "")
            entry: dict[str, Any] = {"path": path}
            if others and word:
                entry["when"] = word
            entry.update({"status": said.status} if said.status else {})
            texts = {"output": _BULKY.sub("", said.output), "errors": said.errors, "fault": said.fault}
            entry.update({name: text for name, text in texts.items() if text})
            if entry not in told:
                told.append(entry)
        found += sorted(told, key=lambda entry: "when" not in entry)
    return found


def _short(cpuinfo: str) -> str:
    """Return /proc/cpuinfo with all of the first CPU, and only the number of the others: all are of one kind."""
    first, *others = re.split(r"\n\n(?=processor\s*:)", cpuinfo)
    return "".join([first.rstrip("\n") + "\n", *(f"\n{other.splitlines()[0]}\n" for other in others)])


def _write(into: Path, path: str, text: str) -> None:
    place = into / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
