"""Why a guest does not start although its node is sound: what a job, its user or an accident can bring about."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from e2e.domain import scene
from e2e.gahp.disturbances import between, closed_image, end_unit, limited, put, unit
from e2e.gahp.worker import LONG
from hostile import tables
from testnode import recipe
from testnode.node import Node

# A lock for writing, where QEMU has its own, so that no other may have the image open (block/file-posix.c of QEMU)
_LOCK = """
import fcntl, struct, sys, time
with open(sys.argv[1], "r+b") as file:
    for start in (100, 200):
        fcntl.fcntl(file, 37, struct.pack("hhqqi", fcntl.F_WRLCK, 0, start, 10, 0))
    time.sleep(600)
"""
# What the job's user can do to a QEMU, which runs as this user, while it starts
_SIGNAL = "while :; do pkill --signal {} --full ^/usr/bin/qemu-system; sleep 0.02; done"
_MANY_PROCESSES = "i=0; while [ $i -lt 300 ]; do sleep 3600 & i=$((i+1)); done; wait"

Disturbance = Callable[[Node], contextlib.AbstractContextManager[None]]


@dataclass(frozen=True)
class Cause:
    """disturbance: what is done to all guests that start. words: what the user is told, a pattern. more: lines of the
    job's submit file. check: what the journal's entry names.
    """

    disturbance: Disturbance
    words: str
    more: tuple[str, ...] = ()
    check: str = "start"


def _signalled(signal: str) -> Disturbance:
    return lambda worker: unit(worker, ["sh", "-c", _SIGNAL.format(signal)], recipe.USER)


@contextlib.contextmanager
def _locked(worker: Node) -> Iterator[None]:
    put(worker, "/srv/lock.py", _LOCK)
    script = 'systemd-run --quiet --collect --unit=disturbance python3 /srv/lock.py "$1"; sleep 1'
    with between(worker, script):
        yield
    end_unit(worker)


@contextlib.contextmanager
def _without_processes(worker: Node) -> Iterator[None]:
    """The user's other processes are as many as the user may have."""
    with limited(worker, "nproc", 200), unit(worker, ["sh", "-c", _MANY_PROCESSES], recipe.USER):
        yield


@contextlib.contextmanager
def _without_inodes(worker: Node) -> Iterator[None]:
    """EXECUTE has no room for another file when the builder begins."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m,nr_inodes=2000,mode=755,uid=condor,gid=condor"]
    worker.run([*mount, "tmpfs", scene.EXECUTE])
    fill = f"i=0; while mkdir {scene.EXECUTE}/filled-$i; do i=$((i+1)); done"
    with between(worker, fill, f"rm --recursive {scene.EXECUTE}/filled-*", "before"):
        yield
    worker.run(["umount", "--lazy", scene.EXECUTE])


# By name. They concern the node, or all guests of a user.
CAUSES: dict[str, Cause] = {
    "killed by its user": Cause(_signalled("KILL"), "QEMU was killed"),
    "aborted by its user": Cause(_signalled("ABRT"), "QEMU was killed"),
    "stopped by its user": Cause(_signalled("STOP"), "has not started in 180 s"),
    "user has no processes left": Cause(_without_processes, "which processes of the job's user can do, or it crashed"),
    "disk is locked": Cause(_locked, "lock"),
    "vm-gahp dies": Cause(lambda worker: between(worker, "kill -KILL $4"), "vm-gahp has ended by itself"),
    "no room for the console": Cause(_without_inodes, "No space left on device", check="Parameter"),
    "image of the site's is closed to all": Cause(lambda worker: closed_image(worker, LONG), "Permission denied"),
    "no memory": Cause(
        lambda worker: limited(worker, "as", 4 << 30), "lower request_memory", ("request_memory = 6000",)
    ),
}

_NAMES_OF_11_MIB = tables.with_table(
    "names_of_11_mib", "", lambda: tables.with_bitmaps(tables.many_bitmaps(11_000, b"x" * 995))
)
# Put in the place of a disk, because the builder would have refused them
_HOSTILE = (tables.WRITTEN_CASES[0], _NAMES_OF_11_MIB)
_QEMU = 'qemu-system-x86_64 -S -display none -m 16 -drive file="$1",format=qcow2,if=virtio'
_SOCKET = "import os, socket, sys; os.unlink(sys.argv[1]); socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
_GUEST = "<domain type='kvm'><name>$2</name><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>"
_LUKS = "-o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"

# By name: a script for between(), which concerns one job, and what the user is told
OF_ONE_JOB: dict[str, tuple[str, str]] = {
    "disk is another guest's": (f"systemd-run --quiet --collect {_QEMU}; sleep 3", "lock"),
    "disk disappears": ('rm "$1"', "disk.qcow2.*No such file"),
    "disk is truncated": ('truncate --size=100 "$1"', "header too short"),
    "disk is no qcow2 image": (
        'dd if=/dev/zero of="$1" bs=4096 count=1 conv=notrunc',
        "not in qcow2 format; check the disk image",
    ),
    "disk cannot be opened": ('chmod 000 "$1"; chown root "$1"', "Permission denied"),
    "disk is a directory": ('rm "$1"; mkdir "$1"', "to be a regular file"),
    "disk is a socket": (f'python3 -c "{_SOCKET}" "$1"', "No such device or address"),
    "disk is a symlink to itself": ('rm "$1"; ln -s disk.qcow2 "$1"', "Too many levels of symbolic links"),
    # QEMU waits for a writer, and libvirt for QEMU
    "start never finishes": ('rm "$1"; mkfifo "$1"', "has not started in 180 s"),
    "disk is marked as corrupt": (r"printf '\002' | dd of=$1 bs=1 seek=79 conv=notrunc", "Image is corrupt"),
    "disk has an unknown feature": (r"printf '\100' | dd of=$1 bs=1 seek=79 conv=notrunc", "Unsupported qcow2 feature"),
    "disk has its data elsewhere": (
        'qemu-img create -f qcow2 -o data_file=/srv/elsewhere.raw "$1" 1M',
        "elsewhere.raw': Permission denied",
    ),
    "disk is encrypted": ("qemu-img create --object secret,id=s,data=x -f qcow2 " + _LUKS + ' "$1" 1M', "encrypt"),
    "disk's header is full": (f'cat /srv/{_HOSTILE[0].name}/image > "$1"', "Could not update qcow2 header"),
    "disk has names of 11 MiB": (f'cat /srv/{_HOSTILE[1].name}/image > "$1"', "reply exceeds buffer size"),
    "base disappears": ('rm "$3"', "No such file"),
    "base is truncated": ('truncate --size=100 "$3"', "header too short"),
    "base is closed": ('chmod 600 "$3"', "Permission denied"),
    "base's directory is closed": (
        'mkdir "$3.d"; mv "$3" "$3.d"; ln -s "$3.d/${3##*/}" "$3"; chmod 700 "$3.d"',
        "denied",
    ),
    "console is gone": ('rm "${1%/*}"/.console.*', "No such file"),
    "console is a directory": ('rm "${1%/*}"/.console.out; mkdir "${1%/*}"/.console.out', "No such file"),
    "name is of an inactive guest": (f'echo "{_GUEST}" > /srv/inactive; virsh define /srv/inactive', "already exists"),
    "log is a directory": ('mkdir "/var/log/libvirt/qemu/$2.log"', "Is a directory"),
    "state is a directory": ('mkdir -p "/run/libvirt/qemu/$2.xml/x"', "cannot rename file"),
    "process id is a directory": ('mkdir -p "/run/libvirt/qemu/$2.pid/x"', "PID file"),
}


def put_images(worker: Node) -> None:
    """Write the images that scripts put in the place of disks."""
    for case in _HOSTILE:
        directory = worker.root / "srv" / case.name
        directory.mkdir()
        case.build(directory)
