"""An NFS server, and its client, on one machine: the kernel's own; and what the plug-in does through a mount."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from testnode import guest, jobs, recipe
from testnode.node import Node
from testnode.run import run

SERVER, ADDRESS, OTHER = "filer", "127.0.0.2", "bob"  # not the address of anything else, so that it can be cut off
DISK = "/srv/disk"  # the server's file system
EXPORT = f"{DISK}/export"
IMAGE, PRIVATE, READS = "images/base.qcow2", f"{recipe.USER}/base.qcow2", "images/reads.raw"  # in EXPORT
TIMEOUT = 40  # seconds, the policy's: an emulated machine that is busy needs some
# Seconds in which nobody opens or locks files after the server's start: as much longer than TIMEOUT as Linux' 90 s are
# than the policy's default
GRACE = 60
_SIZE = "256M"  # of the file system
_READ = 4 << 30  # bytes of the image that a guest reads, which are holes
_SOFT = "soft,timeo=20,retrans=1,nosharecache"  # gives up after six seconds
MOUNTS = {
    "NFS 4.2, hard": ("/srv/nfs42", "vers=4.2"),
    "NFS 3, hard": ("/srv/nfs3", "vers=3"),
    "NFS 4.2, soft": ("/srv/soft42", f"vers=4.2,{_SOFT}"),
    "NFS 3, soft": ("/srv/soft3", f"vers=3,{_SOFT}"),
}
PLACES = {name: place for name, (place, _) in MOUNTS.items()}
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


def policy(places: Iterable[str]) -> str:
    """Return the policy for images and output in some mounts, with the canary image in the first one."""
    places = list(places)
    words = ", ".join(f'"{place}"' for place in places)
    canary = f"{places[0]}/{IMAGE}"
    return (
        f"[staging]\ntimeout = {TIMEOUT}\nimage_dirs = [{words}]\noutput_dirs = [{words}]\n"
        f'canary_image = "{canary}"\n[health]\nheal = []\n'
    )


def serve(worker: Node) -> None:
    """Make the machine an NFS server with images, and its own client, with MOUNTS."""
    prepare(worker)
    export(worker, "rw")
    mount(worker, MOUNTS)


def prepare(worker: Node) -> None:
    """Make the machine an NFS server with images, one of them its owner's alone. Nothing is exported yet."""
    worker.run("mkdir --parents /etc/nfs.conf.d")
    (worker.root / "etc/nfs.conf.d/tests.conf").write_text(f"[nfsd]\ngrace-time={GRACE}\nlease-time={GRACE}\n", "ascii")
    worker.run("modprobe lockd")
    worker.run(["sysctl", f"fs.nfs.nlm_grace_period={GRACE}"])
    _make_file_system(worker.root / "srv/disk.ext4")
    worker.run(["mkdir", DISK])
    worker.run(["mount", "-o", "loop", "/srv/disk.ext4", DISK])
    for directory in ("images", "results", recipe.USER):
        worker.run(["mkdir", "--parents", f"{EXPORT}/{directory}"])
    for image in (IMAGE, PRIVATE):
        worker.run(["cp", jobs.BASE, f"{EXPORT}/{image}"])
    guest.write_base(worker.root / "srv/reads.raw", "raw", guest.READS_ON)
    worker.run(["truncate", f"--size={_READ}", "/srv/reads.raw"])
    worker.run(["cp", "/srv/reads.raw", f"{EXPORT}/{READS}"])
    worker.run(["chown", "--recursive", f"{recipe.USER}:", f"{EXPORT}/{recipe.USER}", f"{EXPORT}/results"])
    worker.run(["chmod", "711", f"{EXPORT}/{recipe.USER}"])
    worker.run(["chmod", "600", f"{EXPORT}/{PRIVATE}"])
    worker.run(["useradd", "--create-home", OTHER])
    with (worker.root / "etc/hosts").open("a", encoding="ascii") as file:
        file.write(f"{ADDRESS} {SERVER}\n")
    worker.run("systemctl restart nfs-server", timeout=120)  # with that grace period


def _make_file_system(path: Path) -> None:
    """Make one in a file. On this machine: the other one has no mke2fs."""
    with tempfile.NamedTemporaryFile() as made:
        run(["mke2fs", "-q", "-t", "ext4", "-m", "0", made.name, _SIZE])
        run(["cp", "--sparse=always", made.name, path])


def export(worker: Node, access: str) -> None:
    """Let the server export EXPORT: `rw`, `ro`, with further options, or "" not at all."""
    (worker.root / "etc/exports").write_text(_EXPORTED % access if access else "", encoding="ascii")
    worker.run("exportfs -ra")


def mount(worker: Node, mounts: Mapping[str, tuple[str, str]], server: str = SERVER) -> None:
    """Mount the export. mounts: the mount point and the options of each."""
    for place, options in mounts.values():
        worker.run(["mkdir", "--parents", place])
        worker.run(["mount", "-t", "nfs", "-o", options, f"{server}:{EXPORT}", place], timeout=120)


def unmount(worker: Node, places: Iterable[str]) -> None:
    for place in places:
        worker.run(["umount", "--lazy", "--force", place])


def answers(worker: Node) -> bool:
    """Return whether every mount lets a file be opened and locked."""
    tried = [
        worker.run(["timeout", "5", "flock", "--shared", f"{place}/{IMAGE}", "true"], check=False)
        for place in PLACES.values()
    ]
    return all(each.returncode == 0 for each in tried)


def stage(worker: Node, place: str, image: str = IMAGE, user: str = recipe.USER) -> Tried:
    """Stage an image by hand, as a job of the user does."""
    return _try(worker, f"nfs://{place}/{image}:disk.qcow2", "", user)


def upload(worker: Node, place: str) -> Tried:
    """Upload a file, over the last one."""
    return _try(worker, f"nfs://{place}/results/{place.replace('/', '-')}.qcow2?overwrite=yes", "-upload", recipe.USER)


def through_all_mounts(worker: Node, what: str) -> dict[str, Tried]:
    """Stage (`stage`) or upload (`upload`) through every mount at the same time."""
    action = {"stage": stage, "upload": upload}[what]
    with ThreadPoolExecutor(len(MOUNTS)) as threads:
        started = {name: threads.submit(action, worker, place) for name, place in PLACES.items()}
        return {name: future.result() for name, future in started.items()}


def _try(worker: Node, url: str, option: str, user: str) -> Tried:
    command = ["sh", "-c", _TRY, "try", url, option]
    output = worker.run(command, user=user, timeout=TIMEOUT * 6).stdout
    status, seconds, message = (*output.splitlines()[-1].split(" ", 2), "")[:3]
    return Tried(int(status), int(seconds), message)
