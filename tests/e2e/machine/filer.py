"""An NFS server, and its client, on one machine: the kernel's own. The server can be cut off, stopped, and changed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from testnode import jobs, recipe
from testnode.node import Node

SERVER, EXPORT, OTHER = "filer", "/srv/export", "bob"
IMAGE, PRIVATE = "images/base.qcow2", f"{recipe.USER}/base.qcow2"  # in EXPORT
TIMEOUT = 20  # seconds, the policy's: an emulated machine that is busy needs some
_SOFT = "soft,timeo=20,retrans=1,nosharecache"  # gives up after six seconds
MOUNTS = {
    "NFS 4.2, hard": ("/srv/nfs42", "vers=4.2"),
    "NFS 3, hard": ("/srv/nfs3", "vers=3"),
    "NFS 4.2, soft": ("/srv/soft42", f"vers=4.2,{_SOFT}"),
    "NFS 3, soft": ("/srv/soft3", f"vers=3,{_SOFT}"),
}
_WORDS = ", ".join(f'"{place}"' for place, _ in MOUNTS.values())
POLICY = f"[staging]\ntimeout = {TIMEOUT}\nimage_dirs = [{_WORDS}]\noutput_dirs = [{_WORDS}]\n"
_EXPORTED = f"{EXPORT} *(%s,sync,root_squash,no_subtree_check,insecure)\n"
# Its arguments: a URL, and "" to stage it, else -upload. The result is in the last line of its output
_TRY = """
scratch=$(mktemp --directory)
cp /srv/images/base.qcow2 "$scratch/result.qcow2"
printf '[ Url = "%s"; LocalFileName = "%s" ]\n' "$1" "$scratch/result.qcow2" > "$scratch/in"
touch "$scratch/out"
started=$(date +%s)
status=0
/usr/local/bin/vm-nfs-plugin -infile "$scratch/in" -outfile "$scratch/out" $2 || status=$?
echo "$status $(($(date +%s) - started)) $(grep -o 'TransferError = "[^"]*"' "$scratch/out" | head -1)"
rm -r "$scratch"
"""


@dataclass(frozen=True)
class Tried:
    """What the plug-in did."""

    status: int  # its exit status
    seconds: int
    message: str


def serve(worker: Node) -> None:
    """Make the machine an NFS server with images, one of them its owner's alone, and its own client."""
    for directory in ("images", "results", recipe.USER):
        worker.run(["mkdir", "--parents", f"{EXPORT}/{directory}"])
    for image in (IMAGE, PRIVATE):
        worker.run(["cp", jobs.BASE, f"{EXPORT}/{image}"])
    worker.run(["chown", "--recursive", f"{recipe.USER}:", f"{EXPORT}/{recipe.USER}", f"{EXPORT}/results"])
    worker.run(["chmod", "711", f"{EXPORT}/{recipe.USER}"])
    worker.run(["chmod", "600", f"{EXPORT}/{PRIVATE}"])
    worker.run(["useradd", "--create-home", OTHER])
    with (worker.root / "etc/hosts").open("a", encoding="ascii") as file:
        file.write(f"127.0.0.2 {SERVER}\n")  # not the address of anything else, so that it can be cut off
    export(worker, "rw")
    mount(worker)


def export(worker: Node, access: str) -> None:
    """Let the server export EXPORT: `rw`, `ro`, or "" not at all."""
    (worker.root / "etc/exports").write_text(_EXPORTED % access if access else "", encoding="ascii")
    worker.run("exportfs -ra")


def mount(worker: Node) -> None:
    for place, options in MOUNTS.values():
        worker.run(["mkdir", "--parents", place])
        worker.run(["mount", "-t", "nfs", "-o", options, f"{SERVER}:{EXPORT}", place], timeout=120)


def unmount(worker: Node) -> None:
    for place, _ in MOUNTS.values():
        worker.run(["umount", "--lazy", "--force", place])


def answers(worker: Node) -> bool:
    """Return whether every mount answers."""
    places = [place for place, _ in MOUNTS.values()]
    return worker.run(["timeout", "5", "stat", *(f"{place}/{IMAGE}" for place in places)], check=False).returncode == 0


@contextlib.contextmanager
def back_afterwards(worker: Node) -> Iterator[None]:
    """After the context, wait until the server, which answers again, does so through every mount."""
    try:
        yield
    finally:
        worker.wait_until(lambda: answers(worker), "the server answers again", 180)


@contextlib.contextmanager
def cut_off(worker: Node) -> Iterator[None]:
    """The server's packets are dropped: nothing refuses a connection, nothing answers."""
    rule = ["INPUT", "--destination", "127.0.0.2", "--protocol", "tcp", "--dport", "2049", "--jump", "DROP"]
    with back_afterwards(worker):
        worker.run(["iptables", "--insert", *rule])
        try:
            yield
        finally:
            worker.run(["iptables", "--delete", *rule])


@contextlib.contextmanager
def stopped(worker: Node) -> Iterator[None]:
    """The server's kernel refuses connections: nfsd does not run."""
    with back_afterwards(worker):
        worker.run("systemctl stop nfs-server", timeout=120)
        try:
            yield
        finally:
            worker.run("systemctl start nfs-server", timeout=120)


@contextlib.contextmanager
def exported(worker: Node, access: str) -> Iterator[None]:
    with back_afterwards(worker):
        export(worker, access)
        try:
            yield
        finally:
            export(worker, "rw")


@contextlib.contextmanager
def replaced(worker: Node) -> Iterator[None]:
    """The directory is another one with the same content, as after a restore: what clients know of it is stale."""
    # the old one stays: the server would wait for its clients before it removes files that they have seen
    old = worker.run("mktemp --directory --tmpdir=/srv").stdout.strip()
    worker.run(["mv", EXPORT, f"{old}/export"])
    worker.run(["cp", "--archive", f"{old}/export", EXPORT])
    worker.run("exportfs -ra")
    try:
        yield
    finally:
        unmount(worker)
        mount(worker)


def stage(worker: Node, place: str, image: str = IMAGE, user: str = recipe.USER) -> Tried:
    """Stage an image by hand, as a job of the user does."""
    return _try(worker, f"nfs://{place}/{image}:disk.qcow2", "", user)


def upload(worker: Node, place: str) -> Tried:
    """Upload a file of a name that is not taken."""
    return _try(worker, f"nfs://{place}/results/{recipe.USER}.qcow2?overwrite=yes", "-upload", recipe.USER)


def through_all_mounts(worker: Node, what: str) -> dict[str, Tried]:
    """Stage (`stage`) or upload (`upload`) through every mount at the same time."""
    action = {"stage": stage, "upload": upload}[what]
    with ThreadPoolExecutor(len(MOUNTS)) as threads:
        started = {name: threads.submit(action, worker, place) for name, (place, _) in MOUNTS.items()}
        return {name: future.result() for name, future in started.items()}


def _try(worker: Node, url: str, option: str, user: str) -> Tried:
    command = ["sh", "-c", _TRY, "try", url, option]
    output = worker.run(command, user=user, timeout=TIMEOUT * 6).stdout
    status, seconds, message = (*output.splitlines()[-1].split(" ", 2), "")[:3]
    return Tried(int(status), int(seconds), message)
