"""The program of a job: a file that it has brought and names as its executable. Otherwise that is only a label."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection

from ..failures import NodeError, ParameterError
from ..job import CONSOLE, PROGRAM_DIR, PROGRAM_STATUS, SAVED_GUEST
from ..record import dataclass
from ..text import printable, to_bytes
from . import ad_strings, arguments

# Where its output goes, as far as the job's ad has no file for it: condor_submit refuses `output` in this universe
_OUTPUT = {"Out": "program.out", "Err": "program.err"}
_NULL = "/dev/null"
_PLAIN = re.compile("[A-Za-z0-9_+-][A-Za-z0-9._+-]*")
SCRIPT = "program"  # in PROGRAM_DIR
RUNNING = b"running\n"  # the status, until the program has ended


@dataclass(frozen=True)
class Program:
    """What runs in the guest."""

    name: str  # of the file in the scratch directory
    arguments: list[str]
    environment: list[str]  # NAME=value
    stdout: str  # names of files in the scratch directory; they may be the same
    stderr: str


def find(ad: bytes, scratch: str, disks: Collection[str]) -> Program | None:
    """Return the program of a job, None if its executable is a label. Raises ParameterError.

    disks: names of the files that are disks.
    """
    name = os.path.basename(ad_strings.find(ad, "Cmd") or "")
    if not name or name in disks or name.startswith((".", "_condor_")) or not _is_brought(scratch, name):
        return None
    if "=" in name:  # env(1) would take it for a variable
        raise ParameterError(f"the executable's name, {printable(name)}, has an equals sign; rename the file")
    stdout, stderr = (_output(ad, key, scratch, disks) for key in _OUTPUT)
    return Program(name, arguments.arguments(ad), arguments.environment(ad), stdout, stderr)


def script(program: Program) -> bytes:
    """Return what sh runs in the guest: as the guest's user, in the directory with the job's files."""
    from shlex import quote  # most jobs have no program

    own = ["_CONDOR_SCRATCH_DIR", "_CONDOR_JOB_IWD"]
    ads = {"_CONDOR_JOB_AD": ".job.ad", "_CONDOR_MACHINE_AD": ".machine.ad"}
    names = [f'{name}="$PWD"' for name in own] + [f'{name}="$PWD/{file}"' for name, file in ads.items()]
    words = [*names, *map(quote, program.environment), quote(f"./{program.name}"), *map(quote, program.arguments)]
    stderr = "&1" if program.stderr == program.stdout else f" {program.stderr}"
    lines = [
        "# Made by condor-kvm-stage of the job's arguments and environment",
        f"chmod u+x {quote(f'./{program.name}')}",
        f"exec < /dev/null > {program.stdout} 2>{stderr}",
        f"exec env {' '.join(words)}",
        "",
    ]
    return to_bytes("\n".join(lines))


def write(program: Program, scratch: str) -> None:
    """Put the script, and the status, into the scratch directory. As the job's user. Raises StageError."""
    directory = f"{scratch}/{PROGRAM_DIR}"
    try:
        os.mkdir(directory, 0o755)
        files = {f"{directory}/{SCRIPT}": script(program), f"{scratch}/{PROGRAM_STATUS}": RUNNING}
        # The output, too: a job of which a file is missing that is to come back goes on hold
        files.update({f"{scratch}/{name}": b"" for name in (program.stdout, program.stderr)})
        for path, content in files.items():
            with open(path, "xb") as file:
                file.write(content)
    except FileExistsError as error:
        raise ParameterError(f"the job brings {PROGRAM_DIR}, which this node makes itself; rename it") from error
    except OSError as error:
        raise NodeError(f"cannot write {directory}: {error.strerror}; tell the administrator") from error


def _output(ad: bytes, key: str, scratch: str, disks: Collection[str]) -> str:
    """Return the file for one of the outputs. Raises ParameterError."""
    name = ad_strings.find(ad, key) or _NULL
    if name == _NULL:
        name = _OUTPUT[key]
    if not _PLAIN.fullmatch(name):
        raise ParameterError(
            f"MY.{key} is '{printable(name)}'; write a file's name of letters, digits and ._+-, without a directory"
        )
    if name in (CONSOLE, SAVED_GUEST, *disks) or os.path.lexists(f"{scratch}/{name}"):
        raise ParameterError(f"the job has another file {name}, and its program's output goes there; rename that file")
    return name


def _is_brought(scratch: str, name: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(f"{scratch}/{name}").st_mode)
    except (OSError, ValueError):  # the latter for a NUL
        return False
