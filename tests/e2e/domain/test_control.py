"""The job's user has no way to QEMU, or to what libvirt does as root for a guest, by other processes on the node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.domain import scene
from testnode import guest, jobs, pool, recipe
from testnode.node import Node
from testnode.recipe import Release

pytestmark = pytest.mark.guest

DIRECTORIES = ("/var/lib/libvirt/qemu", "/run/libvirt/qemu/channel")
VICTIM, CREATED = "/etc/victim", "/etc/condor/config.d/99-attack.conf"
IDLE = "/srv/images/idle.raw"
# libvirt creates this file in the guest's directory as root, after it has given the directory to QEMU's user
KEY = "/var/lib/libvirt/qemu/domain-{}-{}/master-key.aes"
# Tries to make KEY a symlink, for some of libvirt's numbers, until told to stop. Prints how often, and "won".
RACE = """\
import os, sys
target, stop, *names = sys.argv[1:]
tries = 0
while not os.path.exists(stop):
    for _ in range(2000):
        for name in names:
            tries += 1
            try:
                os.symlink(target, name)
                print("won", name)
            except OSError:
                pass
print("tries", tries)
"""
# What ptrace(2) permits goes for all of these: pidfd_getfd(2) gets QEMU's file descriptors
TRACE = """\
import ctypes, os, sys
qemu = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def tell(what, result):
    print(what, result, os.strerror(ctypes.get_errno()) if result < 0 else "")
tell("seize", libc.ptrace(0x4206, qemu, None, None))
pidfd = os.pidfd_open(qemu)
for number in range(64):
    got = libc.syscall(438, pidfd, number, 0)
    if got >= 0:
        tell("got", got)
word = ctypes.create_string_buffer(8)
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
here, there = Vector(ctypes.addressof(word), 8), Vector(0x1000, 8)
tell("read", libc.process_vm_readv(qemu, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
limits = (ctypes.c_uint64 * 2)(1 << 40, 1 << 40)
tell("limit", libc.prlimit(qemu, 8, None, ctypes.byref(limits)))
"""


@dataclass(frozen=True)
class Running:
    """A node with a guest of a user's, whose processes have raced with libvirt. race: what these printed."""

    node: Node
    qemu: int
    race: list[str]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with scene.busy_node(Release.TESTING) as worker:
        guest.write_idle(worker.root / IDLE.lstrip("/"))
        (worker.root / VICTIM.lstrip("/")).write_text("precious\n", encoding="utf-8")
        worker.run(["chmod", "600", VICTIM])
        home = worker.root / scene.HOME.lstrip("/")
        for name, text in {"race.py": RACE, "trace.py": TRACE}.items():
            (home / name).write_text(text, encoding="utf-8")
        # one guest before, because it is for the first one that the directories are closed
        scene.start_guest(worker, "first", IDLE)
        race = _race(worker)
        (cluster, qemu) = scene.start_guest(worker, "second", IDLE)
        (home / "stop").touch()
        worker.wait_until(
            lambda: worker.run(["pgrep", "--full", "race.py"], check=False).returncode == 1, "the race has ended", 30
        )
        assert f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0" in worker.run("virsh list --name").stdout
        yield Running(worker, qemu, [(worker.root / path.lstrip("/")).read_text() for path in race])


def _race(worker: Node) -> list[str]:
    """Let processes of the user try to redirect libvirt. Returns the paths of what they print."""
    guest = f"{recipe.USER}_{recipe.HOSTNAME}_2.0"
    names = [KEY.format(number, guest) for number in range(1, 4)]
    paths = []
    for number, target in enumerate((VICTIM, CREATED)):
        paths.append(f"{scene.HOME}/race{number}.out")
        words = ["python3", f"{scene.HOME}/race.py", target, f"{scene.HOME}/stop", *names]
        command = f"nohup {' '.join(words)} > {paths[-1]} 2>&1 &"
        worker.run(["sh", "-c", command], user=recipe.USER)
    return paths


def test_what_libvirt_does_as_root_cannot_be_redirected(running: Running) -> None:
    tries = [int(line.split()[1]) for text in running.race for line in text.splitlines() if line.startswith("tries")]
    assert len(tries) == 2
    assert sum(tries) >= 100_000
    assert "won" not in "".join(running.race)
    assert running.node.run(["stat", "--format=%U %a %s", VICTIM]).stdout == "root 600 9\n"
    assert not (running.node.root / CREATED.lstrip("/")).exists()


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_directories_of_guests_are_out_of_reach(running: Running, directory: str) -> None:
    (inside,) = [name for name in running.node.run(["ls", directory]).stdout.split() if name.endswith("_2.0")]
    for path in (directory, f"{directory}/{inside}"):
        for test in ("-r", "-w", "-x"):
            assert running.node.run(["test", test, path], user=recipe.USER, check=False).returncode == 1


def test_qemu_cannot_be_traced(running: Running) -> None:
    text = running.node.run(["python3", f"{scene.HOME}/trace.py", str(running.qemu)], user=recipe.USER).stdout
    denied = "-1 Operation not permitted"
    assert text.splitlines() == [f"seize {denied}", f"read {denied}", f"limit {denied}"]


@pytest.mark.parametrize("name", ["cwd", "root", "exe", "fd/0", "fd/2", "map_files"])
def test_qemus_files_are_out_of_reach_by_proc(running: Running, name: str) -> None:
    found = running.node.run(["ls", "-L", f"/proc/{running.qemu}/{name}"], user=recipe.USER, check=False)
    assert found.returncode != 0
    assert "Permission denied" in found.stderr


def test_user_in_libvirts_group_is_refused_in_words(running: Running) -> None:
    node = running.node
    group = node.run(["stat", "--format=%G", DIRECTORIES[0]]).stdout.strip()
    node.run(["usermod", "--append", "--groups", group, recipe.USER])
    try:
        ad = pool.run_to_hold(node, "member", jobs.VM_JOB.replace(jobs.BASE, IDLE), timeout=90)
    finally:
        node.run(["gpasswd", "--delete", recipe.USER, group])
    assert f"is in the group {group}, which QEMU has on this node" in ad["HoldReason"]
