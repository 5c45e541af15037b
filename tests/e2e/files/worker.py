"""A node whose guests are a real Linux that has its job's files, and runs a script that the job has brought."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

from e2e.domain import scene
from testnode import linux_guest, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

IMAGE = "/srv/images/linux.qcow2"
EMULATED = "/srv/emulated.sh"
SCRIPT = "script.sh"  # of the job, for the guest, or for the node
# In the guest, before that script
_MOUNT = f"""\
mkdir /job
mount -t virtiofs job /job && say mounted yes || say mounted no
cd /job && . ./{SCRIPT}
cd /
"""
# What the scripts use of the guest's functions, where there are none
_ALONE = """\
#!/bin/sh
say() {
    echo "guest: $*"
}
"""
_VM = """\
universe = vm
vm_type = kvm
executable = linux
request_memory = 256
vm_disk = disk.qcow2:vda:w:qcow2
MY.VMPARAM_Job_Files = True
"""
_VANILLA = """\
universe = vanilla
request_memory = 16
output = console.log
should_transfer_files = YES
"""


@contextlib.contextmanager
def node(release: Release = Release.TESTING, more: str = "") -> Iterator[Node]:
    """Give a node with the package and the image. more: HTCondor's configuration besides."""
    script = "" if linux_guest.runs_on_kvm() else f"LIBVIRT_XML_SCRIPT = {EMULATED}\n"
    with scene.busy_node(release, script + more) as worker:
        place = worker.root / EMULATED.lstrip("/")
        place.write_text((scene.HERE / "emulated.sh").read_text(encoding="utf-8"), encoding="utf-8")
        place.chmod(0o755)
        linux_guest.write_image(worker.root / IMAGE.lstrip("/"), "qcow2", _MOUNT)
        yield worker


def home(worker: Node, name: str) -> Path:
    """The directory from which a job is submitted, and into which its files come back."""
    return worker.root / scene.HOME.lstrip("/") / name


def submit(worker: Node, name: str, script: str, *more: str, inputs: str = "", is_vm: bool = True) -> int:
    """Submit a job that runs a script, in a guest or as an ordinary job. Returns its cluster.

    more: lines of its submit file. inputs: further files that it brings, from its directory.
    """
    worker.run(["mkdir", "--parents", f"{scene.HOME}/{name}"], user=recipe.USER)
    place = home(worker, name) / SCRIPT
    place.write_text(_ALONE + script if not is_vm else script, encoding="utf-8")
    place.chmod(0o755)
    brought = [f"nfs://{IMAGE}:disk.qcow2", SCRIPT] if is_vm else []
    more += () if is_vm else (f"executable = {scene.HOME}/{name}/{SCRIPT}",)
    lines = [f"initialdir = {scene.HOME}/{name}", "log = job.log", "request_cpus = 1", "request_disk = 512M", *more]
    brought += [inputs] if inputs else []
    lines += [f"transfer_input_files = {', '.join(brought)}"] if brought else []
    return pool.submit(
        worker, f"{name}.sub", (_VM if is_vm else _VANILLA) + "".join(f"{it}\n" for it in [*lines, "queue"])
    )


def scratch(worker: Node, cluster: int) -> str:
    """Return the path of a running job's scratch directory."""
    found = worker.run(
        ["grep", "--files-with-matches", f"^ClusterId = {cluster}$", "-r", scene.EXECUTE], check=False
    ).stdout
    (path,) = {line.rpartition("/")[0] for line in found.splitlines() if line.endswith("/.job.ad")}
    return path


def console(worker: Node, name: str) -> str:
    """Return what a job's guest has printed, or the job: what has come back of it."""
    return (home(worker, name) / "console.log").read_text(encoding="utf-8", errors="replace")


def wait_for_file(worker: Node, path: str, what: str, timeout: float = 120) -> None:
    worker.wait_until(lambda: worker.run(["test", "-e", path], check=False).returncode == 0, what, timeout)


def wait_until_it_runs(worker: Node, cluster: int, timeout: float = 120) -> str:
    """Wait until a job's script has created the file `ready`. Returns the path of its scratch directory."""
    found: list[str] = []

    def is_there() -> bool:
        with contextlib.suppress(ValueError):
            found[:] = [scratch(worker, cluster)]
        return bool(found) and worker.run(["test", "-e", f"{found[0]}/ready"], check=False).returncode == 0

    worker.wait_until(is_there, f"the script of job {cluster} runs", timeout)
    return found[0]


def servers(worker: Node) -> list[int]:
    """Return the process ids of all virtiofsd, and of what keeps them."""
    found = worker.run(["pgrep", "--full", "(/virtiofsd --fd|/build-domain [0-9])"], check=False).stdout
    return [int(pid) for pid in found.split()]


def status(worker: Node, pid: int) -> dict[str, str]:
    """Return what the kernel says of a process (proc_pid_status(5))."""
    return parsed((worker.root / f"proc/{pid}/status").read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, str]:
    return {name: " ".join(value.split()) for name, value in re.findall(r"^(\w+):\t(.*)$", text, re.MULTILINE)}


def listed(worker: Node, directory: str) -> dict[str, str]:
    """Return type, owner, mode, target and size of all in a directory, by its path there."""
    form = "%P\\t%y %u:%g %m %l %s\\0"
    found = worker.run(["find", directory, "-mindepth", "1", "-printf", form], timeout=120).stdout
    entries = dict(entry.rsplit("\t", 1) for entry in found.split("\0") if entry)
    # the size of a directory is the file system's affair
    return {name: re.sub(r"^(d .*) \d+$", r"\1", state) for name, state in entries.items()}
