"""What each part of a job adds to the start of its guest: guests with it and without, one at a time, alternating.

The parts: the job's files, a seed for cloud-init, a program, which is both. All guests have a console and a terminal.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from testnode import guest, pool, recipe
from testnode.node import Node
from testnode.run import progress

from . import configured
from .results import Result
from .scene import SCRATCH, SHARE, Scene, here

SECTION = "Parts of a job in its guest"
ROUNDS = 3
NONE = "none of them"
# What a job with the part brings besides its disk, and further lines of its submit file
PARTS = {
    "the job's files": ("", "MY.VMPARAM_Job_Files = True\n"),
    "a seed for cloud-init": (", user-data", ""),
    "a program": (", program.sh", "executable = program.sh\n"),
}
_IMAGE = f"{SHARE}/talks.qcow2"
_BROUGHT = {"user-data": "#cloud-config\n", "program.sh": "#!/bin/sh\n"}
_DESCRIPTION = """\
universe = vm
vm_type = kvm
executable = job-parts
request_memory = 64
request_cpus = 1
request_disk = 100M
transfer_input_files = nfs://{image}:disk.qcow2{brought}
vm_disk = disk.qcow2:vda:w:qcow2
vm_no_output_vm = True
{more}queue
"""
_HOOK, _CALLED = f"{SCRATCH}/prepare", f"{SCRATCH}/called"
_HOOK_TEXT = f"""\
#!/bin/sh
echo > {_CALLED}
exec /usr/libexec/condor-kvm-stage/condor-kvm-stage-prepare
"""
_OWN = "(/virtiofsd --fd|/build-domain [0-9])"  # command lines of the processes that keep a guest's parts
_PSS = re.compile(r"^Pss: +(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """One guest. seconds: from the call of the hook to its first output. KiB: PSS of QEMU, and of what we start."""

    seconds: float
    qemu: float
    own: float


def measure(scene: Scene) -> list[Result]:
    """Return the results. Leaves an image on the share."""
    with _prepared(scene) as execute:
        run(scene.worker, execute, NONE)  # the first one finds libvirt's daemon and the files cold
        samples: dict[str, list[Sample]] = {kind: [] for kind in (NONE, *PARTS)}
        for number in range(ROUNDS):
            for kind in order(number):
                samples[kind].append(run(scene.worker, execute, kind))
            latest = ", ".join(f"{kind} {found[-1].seconds:.3f} s" for kind, found in samples.items())
            progress(f"round {number + 1} of {ROUNDS}: {latest}")
    return results(samples)


def order(number: int) -> list[str]:
    """Return the kinds of guests in the order of a round: each round begins with another one."""
    kinds = [NONE, *PARTS]
    first = number % len(kinds)
    return kinds[first:] + kinds[:first]


def results(samples: dict[str, list[Sample]]) -> list[Result]:
    """Return the results of samples by kind: each part beside none."""
    cases = {
        "from the hook to the guest's first byte": ("s", "seconds"),
        "memory (PSS) of console, terminal, virtiofsd": ("KiB", "own"),
        "memory (PSS) of QEMU": ("KiB", "qemu"),
    }
    return [
        Result(
            SECTION,
            f"{part}: {case}",
            unit,
            {kind: [getattr(sample, value) for sample in samples[kind]] for kind in (part, NONE)},
        )
        for case, (unit, value) in cases.items()
        for part in PARTS
    ]


def description(kind: str) -> str:
    """Return the submit file of a job with one part, or with none of them."""
    brought, more = PARTS.get(kind, ("", ""))
    return _DESCRIPTION.format(image=_IMAGE, brought=brought, more=more)


def pss(rollup: str) -> int:
    """Return the PSS in KiB, from a process's smaps_rollup (proc_pid_smaps(5))."""
    return int(_PSS.findall(rollup)[0])


def run(worker: Node, execute: Path, kind: str) -> Sample:
    """Run a job until its guest speaks, and remove it. execute: the path of EXECUTE, in which nothing is."""
    cluster = pool.submit(worker, "job-parts.sub", description(kind))
    name = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"

    def consoles() -> list[Path]:
        return [path for path in execute.glob("dir_*/scratch/console.log") if path.stat().st_size]

    worker.wait_until(lambda: bool(consoles()), f"a guest with {kind} speaks", 90)
    (console,) = consoles()
    seconds = console.stat().st_mtime - here(worker, _CALLED).stat().st_mtime
    pid = int(here(worker, f"/run/libvirt/qemu/{name}.pid").read_text(encoding="ascii"))
    sample = Sample(seconds, memory(worker, [pid]), memory(worker, own(worker)))
    configured.remove_jobs(worker)
    return sample


def own(worker: Node, command_lines: str = _OWN) -> list[int]:
    """Return the process ids of what the package runs for guests. command_lines: a regular expression."""
    return [int(pid) for pid in worker.run(["pgrep", "--full", command_lines]).stdout.split()]


def memory(worker: Node, pids: list[int]) -> float:
    """Return the PSS of processes of the node, in KiB."""
    return float(sum(pss(here(worker, f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")) for pid in pids))


@contextlib.contextmanager
def _prepared(scene: Scene) -> Iterator[Path]:
    """Have HTCondor run a hook that notes its call, until the context ends. Yields EXECUTE's path on this machine."""
    worker = scene.worker
    guest.write_base(here(worker, _IMAGE), "qcow2", guest.SOURCE.with_name("talks.asm"))
    for name, text in _BROUGHT.items():
        (here(worker, f"/home/{recipe.USER}") / name).write_text(text, encoding="utf-8")
    hook = here(worker, _HOOK)
    hook.write_text(_HOOK_TEXT, encoding="utf-8")
    hook.chmod(0o755)
    with configured.htcondor(worker, f"KVMSTAGE_HOOK_PREPARE_JOB = {_HOOK}\n"):
        yield here(worker, worker.run(["condor_config_val", "EXECUTE"]).stdout.strip())
