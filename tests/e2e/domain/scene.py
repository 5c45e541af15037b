"""A node where the domain builder stands alone: START lets every VM job in. What may not change there, and has it?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from e2e.domain import attacks
from testnode import jobs, node, pool, recipe, site, stages
from testnode.node import Node
from testnode.recipe import Release

BASE = jobs.BASE
HERE = Path(__file__).parent
HOME = f"/home/{recipe.USER}"
EXECUTE = "/var/lib/condor/execute"
CONFIG = "/etc/condor/config.d/60-tests.conf"
_NEWLINES = "/srv/newlines"
_DATA = "/srv/elsewhere/data.raw"
# More jobs at once than an ordinary node has slots for. HTCondor 25 keeps the slot of a job that a hook has refused
# until it has killed the starter, VM_KILLING_TIMEOUT seconds later.
_BUSY = "NUM_CPUS = 64\nVM_MAX_NUMBER = 64\nKILLING_TIMEOUT = 2\nVM_KILLING_TIMEOUT = 2\nPERIODIC_EXPR_INTERVAL = 5\n"
# Each starter runs all of them
_QUICK = "FILETRANSFER_PLUGINS = /usr/local/bin/vm-nfs-plugin\n"
_OPEN = f"""\
START = True
STARTER_ALLOW_JOB_PRE_AND_POST_CMD = True
LIBVIRT_XML_SCRIPT = {_NEWLINES}/condor-kvm-stage-domain
KVMSTAGE_HOOK_PREPARE_JOB = {_NEWLINES}/condor-kvm-stage-prepare
# where libvirt has no network, too: else the vm-gahp fails before it asks the builder, which costs VM universe
VM_NETWORKING = True
VM_NETWORKING_TYPE = user
VM_NETWORKING_DEFAULT_TYPE = user
"""
NO_HOOK = "STARTER_JOB_HOOK_KEYWORD = NONE\nSTARTER_DEFAULT_JOB_HOOK_KEYWORD = NONE\n"
_POLICY = '[staging]\nimage_dirs = ["/srv/images"]\n'
# With qemu-img's options: the images that the jobs' user brings, and others' that they lead to
_IMAGES: dict[str, list[str]] = {
    attacks.OPEN: [],
    attacks.PRIVATE: [],
    attacks.LINKED: [],
    attacks.ELSEWHERE: [],
    attacks.OWN: [],
    f"{HOME}/shadow.qcow2": ["-u", "-F", "raw", "-b", "/etc/shadow"],
    f"{HOME}/outside.qcow2": ["-F", "qcow2", "-b", attacks.ELSEWHERE],
    f"{HOME}/data.qcow2": ["-o", f"data_file={_DATA}"],
}
_NEVER_TOUCHED = ("/etc/shadow", "/etc/gshadow", BASE, attacks.PRIVATE, attacks.ELSEWHERE, _DATA)
# Links of these are made in scratch directories
_LINKED = (attacks.OPEN, attacks.LINKED, attacks.OWN)
_DIRECTORIES = (
    "/",
    "/etc",
    "/srv",
    "/srv/images",
    "/srv/elsewhere",
    f"/srv/{attacks.OTHER}",
    "/var/lib/condor/execute",
)


@contextlib.contextmanager
def open_node(release: Release, more: str = "") -> Iterator[Node]:
    """Give a node with the package, START open, a policy with image_dirs, and the files of attacks.py.

    more: HTCondor's configuration besides.
    """
    with busy_node(release, _OPEN + more) as worker:
        place = worker.root / _NEWLINES.lstrip("/")
        place.mkdir()
        for name in ("condor-kvm-stage-domain", "condor-kvm-stage-prepare"):
            (place / name).write_text((HERE / "newlines.sh").read_text(encoding="utf-8"), encoding="utf-8")
            (place / name).chmod(0o755)
        _make_files(worker)
        with site.policy(worker, _POLICY):
            yield worker


@contextlib.contextmanager
def busy_node(release: Release, more: str = "") -> Iterator[Node]:
    """Give a node with the package that takes 64 jobs. more: HTCondor's configuration besides the package's."""
    with node.running(release) as worker:
        bare = stages.make_bare(worker)
        configure(worker, _BUSY + more)
        stages.install(bare)
        stages.wait_for_vm_universe(worker, True)
        configure(worker, _BUSY + _QUICK + more)
        program = worker.root / HOME.lstrip("/") / attacks.HOSTILE
        program.write_text((HERE / "hostile_job.py").read_text(encoding="utf-8"), encoding="utf-8")
        program.chmod(0o755)
        yield worker


def configure(worker: Node, text: str) -> None:
    """Let HTCondor's programs read other settings at their next start, after those of the package."""
    (worker.root / CONFIG.lstrip("/")).write_text(text, encoding="utf-8")


@contextlib.contextmanager
def without_hook(worker: Node) -> Iterator[None]:
    """Let no hook refuse a job, so that the builder has to, until the context ends."""
    before = (worker.root / CONFIG.lstrip("/")).read_text(encoding="utf-8")
    configure(worker, before + NO_HOOK)
    try:
        yield
    finally:
        configure(worker, before)


def outside(worker: Node) -> dict[str, str]:
    """Return owner, mode, checksum of files that no job may change, by path, and when these last changed.

    Whatever changes owner, mode, links or labels of a file, be it to and fro, changes its ctime.
    """
    words = "%n\t%U:%G %a"
    found = worker.run(["stat", f"--format={words} %Z", *_existing(worker, _NEVER_TOUCHED)]).stdout
    found += worker.run(["stat", f"--format={words}", *_existing(worker, _LINKED + _DIRECTORIES)]).stdout
    files = _existing(worker, (*_NEVER_TOUCHED, *_LINKED))
    sums = {path: digest for digest, path in map(str.split, worker.run(["sha256sum", *files]).stdout.splitlines())}
    states = dict(line.split("\t") for line in found.splitlines())
    return {path: f"{state} {sums.get(path, '')}" for path, state in states.items()}


def start_guest(worker: Node, name: str, image: str, more: str = "") -> tuple[int, int]:
    """Run a job with a disk on an image, and further lines. Returns its cluster, and QEMU's process id."""
    description = jobs.VM_JOB.replace(jobs.BASE, image).replace("log = vm-job.log", f"log = {name}.log")
    cluster = pool.submit(worker, f"{name}.sub", description.replace("\nqueue\n", f"\n{more}\nqueue\n"))
    domain = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
    worker.wait_until(
        lambda: worker.run(["virsh", "domstate", domain], check=False).stdout.strip() == "running",
        f"the guest of {name} runs",
        90,
    )
    return cluster, int(worker.run(["pgrep", "--full", f"guest={domain.replace('.', '[.]')},"]).stdout.split()[0])


def logs(worker: Node, cluster: int) -> list[Path]:
    """Return the paths of libvirt's logs of a cluster's guests, with QEMU's arguments: for each that was started."""
    return sorted((worker.root / "var/log/libvirt/qemu").glob(f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.*.log"))


def guests(worker: Node) -> list[str]:
    """Return the names of all that libvirt knows of."""
    return worker.run("virsh list --all --name").stdout.split()


def _existing(worker: Node, paths: tuple[str, ...]) -> list[str]:
    return [path for path in paths if (worker.root / path.lstrip("/")).exists()]


def _make_files(worker: Node) -> None:
    worker.run(["useradd", "--no-create-home", attacks.OTHER])
    for directory in (f"/srv/{attacks.OTHER}", "/srv/elsewhere"):
        worker.run(["mkdir", directory])
    for path, options in _IMAGES.items():
        worker.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, path, "1M"])
    worker.run(["chmod", "666", attacks.OPEN])
    worker.run(["chmod", "600", attacks.PRIVATE, attacks.LINKED])
    worker.run(["chown", "--recursive", attacks.OTHER, f"/srv/{attacks.OTHER}"])
    mine = [path for path in _IMAGES if path.startswith(f"{HOME}/")]
    (worker.root / HOME.lstrip("/") / "console.log").write_text("brought along", encoding="utf-8")
    worker.run(["chown", recipe.USER, f"{HOME}/console.log", *mine])
