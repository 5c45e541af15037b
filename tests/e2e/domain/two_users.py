"""Two users with jobs on one node where the domain builder stands alone: what has changed, what has QEMU opened?"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from e2e.domain import attacks, scene
from testnode import guest, jobs, recipe
from testnode.node import Node
from testnode.recipe import Release

ALICE, BOB = recipe.USER, attacks.OTHER
PROGRAM = "/srv/hostile_user.py"
SECRET = "BOBS SECRET"  # what a guest on one of bob's private disks would print
BOBS_FILE = f"/home/{BOB}/private.raw"
BOBS_SEED = f"/home/{BOB}/jobs/seed.raw"
IDLE = "/srv/images/idle.raw"
# HTCondor looks soon whether a node can start guests after one that it could not
_SOON = "VM_RECHECK_INTERVAL = 5\n"
# What may change nowhere but where a test does it
_PLACES = ("/etc", "/srv", BOBS_FILE, BOBS_SEED, "/usr/bin", "/var/lib/libvirt/images")
_FIELDS = r"%p\t%u:%g %m %y %l "


@contextlib.contextmanager
def node(release: Release, more: str = "") -> Iterator[Node]:
    """Give scene.open_node() without the hook, with a home for bob and a private disk in it. more: settings."""
    with scene.open_node(release, _SOON + more) as worker, scene.without_hook(worker):
        worker.run(["mkdir", f"/home/{BOB}"])
        here(worker, PROGRAM).write_text((scene.HERE / "hostile_user.py").read_text(encoding="utf-8"), encoding="utf-8")
        here(worker, PROGRAM).chmod(0o755)
        with tempfile.NamedTemporaryFile("w", suffix=".asm") as source:
            source.write(guest.SOURCE.read_text(encoding="utf-8").replace("hello from the guest", SECRET))
            source.flush()
            guest.write_base(here(worker, BOBS_FILE), "raw", Path(source.name))
        guest.write_idle(here(worker, IDLE))
        worker.run(["chmod", "600", BOBS_FILE])
        worker.run(["chown", "--recursive", f"{BOB}:", f"/home/{BOB}"])
        yield worker


def here(worker: Node, path: str) -> Path:
    """Return the path on this machine of a path on the node."""
    return worker.root / path.lstrip("/")


def submit(worker: Node, user: str, name: str, description: str) -> int:
    """Submit a user's job, from a directory `name` in his home. Returns its cluster."""
    place = f"/home/{user}/{name}"
    worker.run(["mkdir", "--parents", place], user=user)
    here(worker, f"{place}/job.sub").write_text(description, encoding="utf-8")
    said = worker.run(["env", f"--chdir={place}", "condor_submit", "-terse", "job.sub"], user=user).stdout
    return int(said.split(".", 1)[0])


def vm_job(inputs: str, vm_disk: str, more: str = "queue") -> str:
    """Return the description of a job that is a virtual machine. more: its last lines."""
    text = jobs.VM_JOB.replace(f"nfs://{jobs.BASE}:disk.qcow2", inputs).replace("disk.qcow2:vda:w:qcow2", vm_disk)
    return text.replace("\nqueue\n", f"\nrequest_disk = 64M\n{more}\n")


def ordinary_job(words: str, name: str) -> str:
    """Return the description of an ordinary job that runs hostile_user.py."""
    return jobs.staging_job("", name, command=f"{PROGRAM} {words}")


def snapshot(worker: Node, places: Collection[str] = _PLACES, without: Collection[str] = ()) -> dict[str, str]:
    """Return owner, mode, type, checksum and the last change of all files in places, by path.

    Whatever changes owner, mode, links or labels of a file, be it to and fro, changes its ctime.
    """
    prune = [word for path in without for word in ("-path", path, "-prune", "-o")]
    found = worker.run(["find", *places, *prune, "-type", "f", "-printf", rf"{_FIELDS}%C@\n"]).stdout
    found += worker.run(["find", *places, *prune, "!", "-type", "f", "-printf", rf"{_FIELDS}\n"]).stdout
    states = dict(line.split("\t") for line in found.splitlines())
    sums = worker.run(["find", *places, *prune, "-type", "f", "-exec", "sha256sum", "{}", "+"]).stdout
    for line in sums.splitlines():
        digest, path = line.split(maxsplit=1)
        states[path] += f" {digest}"
    return states


def opened(worker: Node) -> set[tuple[int, str]]:
    """Return the files that QEMU's processes have open now, each with the process's user id."""
    found = set()
    for process in worker.root.glob("proc/[0-9]*"):
        with contextlib.suppress(OSError):  # a process that has ended
            if (process / "comm").read_text(encoding="utf-8").startswith("qemu-system"):
                uid = process.stat().st_uid
                found |= {(uid, str(file.readlink())) for file in (process / "fd").iterdir()}
    return found


def consoles(worker: Node) -> set[str]:
    """Return what the consoles of all jobs on the node say now."""
    found = set()
    execute = here(worker, scene.EXECUTE)
    for path in [*execute.glob("dir_*/scratch/console.log"), *execute.glob("dir_*/console.log")]:
        with contextlib.suppress(OSError):
            found.add(path.read_text(encoding="utf-8", errors="replace"))
    return found


def scratch(worker: Node, cluster: int) -> str:
    """Wait until a job has its scratch directory, whose place depends on HTCondor's version. Returns its path."""
    execute = here(worker, scene.EXECUTE)

    def ads() -> list[Path]:
        found = []
        for path in [*execute.glob("dir_*/scratch/.job.ad"), *execute.glob("dir_*/.job.ad")]:
            with contextlib.suppress(OSError):
                if f"\nClusterId = {cluster}\n" in path.read_text(encoding="utf-8"):
                    found.append(path)
        return found

    worker.wait_until(lambda: bool(ads()), f"job {cluster} has its scratch directory", 30)
    return f"{scene.EXECUTE}/{ads()[0].parent.relative_to(execute)}"
