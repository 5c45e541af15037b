"""Guests that start from one image on the kernel's NFS: what each way of mounting it makes the server send."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from e2e.machine import filer
from testnode import guest
from testnode.node import Node
from testnode.run import run

MEBIBYTES = 16  # that a guest reads: enough to be told from all else, and little for an emulated machine
PLACE, EXPORT, IMAGE = "/srv/boots", "/srv/boots-exported", "images/reads.qcow2"
POLICY = f'[staging]\ntimeout = {filer.TIMEOUT}\nimage_dirs = ["{PLACE}"]\n[htcondor]\npatience = 120\n'
AT_ONCE = (1, 2, 4, 8)
# A file system of its own, so that no other mount shares the client's cache, and the server's disk is not measured
_SERVE = f"""
set -eu
mkdir --parents {EXPORT} {PLACE} /etc/exports.d
mount -t tmpfs -o size=96m tmpfs {EXPORT}
mkdir {EXPORT}/images
echo '{EXPORT} *(rw,sync,root_squash,no_subtree_check,insecure,fsid=22)' > /etc/exports.d/boots.exports
exportfs -ra
"""
# The package has no unit for systemd, and is unpacked where it overwrites nothing
_KEEP_ON_DISK = """
set -eu
cd /root/cachefilesd
dpkg-deb --extract *.deb .
mkdir --parents /var/cache/fscache
modprobe cachefiles
sbin/cachefilesd -f etc/cachefilesd.conf
"""
# The client's count, as /proc/self/mountstats has it, then the server's; in bytes
_COUNT = f"""
awk '$1 == "device" {{ here = $5 == "{PLACE}" }} here && $1 == "bytes:" {{ print $6 }}' /proc/self/mountstats
awk '$1 == "io" {{ print $2 }}' /proc/net/rpc/nfsd
"""
# Starts QEMU's own reader so many times, at once, each with an overlay as its guest has it; $2: further options
_READ = f"""
set -eu
scratch=$(mktemp --directory)
for number in $(seq "$1"); do
    qemu-img create -q -f qcow2 -F qcow2 -b {PLACE}/{IMAGE} "$scratch/$number.qcow2"
done
status=0
for number in $(seq "$1"); do
    qemu-io $2 -c 'read -q 0 {MEBIBYTES}M' "$3$scratch/$number.qcow2" &
    readers="${{readers-}} $!"
done
for reader in $readers; do
    wait "$reader" || status=$?
done
rm -r "$scratch"
exit $status
"""
CACHED, DIRECT, WITHOUT_LOCKS = (
    ("-f qcow2 -t writeback", ""),  # the cache mode of the package's domains
    ("-f qcow2 -t none", ""),
    ("--image-opts", "driver=qcow2,backing.file.locking=off,file.filename="),
)


@dataclass(frozen=True)
class Way:
    """A way of mounting the images."""

    text: str
    options: str
    delegates: bool  # whether the server gives the client read delegations


DELEGATED = Way("NFS 4.2, read delegations", "vers=4.2", True)
KEPT_ON_DISK = Way("NFS 4.2, read delegations, fsc", "vers=4.2,fsc", True)
NOT_DELEGATED = Way("NFS 4.2, no delegations", "vers=4.2", False)
NFS3 = Way("NFS 3", "vers=3", False)
NOLOCK = Way("NFS 3, nolock", "vers=3,nolock", False)
NFS3_ON_DISK = Way("NFS 3, fsc", "vers=3,fsc", False)
WAYS = (DELEGATED, KEPT_ON_DISK, NOT_DELEGATED, NFS3, NOLOCK, NFS3_ON_DISK)


@dataclass(frozen=True)
class Count:
    """Bytes that were read since the machine has started, or the mount: as the client and as the server counts."""

    client: int
    server: int


def serve(worker: Node) -> None:
    """Export the image of a guest that reads, and start FS-Cache."""
    worker.run(["sh", "-c", _SERVE])
    guest.write_reading(worker.root / f"{EXPORT}/{IMAGE}".lstrip("/"), MEBIBYTES)
    package = worker.root / "root/cachefilesd"
    package.mkdir()
    # of this machine's Debian; it needs nothing but the C library
    run(["env", f"--chdir={package}", "apt-get", "--option=APT::Sandbox::User=root", "download", "cachefilesd"])
    worker.run(["sh", "-c", _KEEP_ON_DISK])


@contextlib.contextmanager
def patient(worker: Node) -> Iterator[None]:
    """The startd tests VM universe often, and finds libvirt's daemon running: it has 5 s, of an emulated machine's."""
    setting = worker.root / "etc/condor/config.d/90-boots.conf"
    setting.write_text("VM_RECHECK_INTERVAL = 30\n", encoding="ascii")
    worker.run("condor_reconfig")
    loop = "while :; do virsh version > /dev/null || :; sleep 20; done"
    worker.run(["systemd-run", "--quiet", "--unit=libvirt-stays", "sh", "-c", loop])
    try:
        yield
    finally:
        worker.run("systemctl stop libvirt-stays")
        setting.unlink()
        worker.run("condor_reconfig")


@contextlib.contextmanager
def mounted(worker: Node, way: Way) -> Iterator[None]:
    """Mount the images in a way, on PLACE. The client has nothing of them in memory then."""
    leases = "/proc/sys/fs/leases-enable"  # without them, nfsd gives no delegation
    worker.run(["sh", "-c", f"echo {int(way.delegates)} > {leases}"])
    worker.run(["mount", "-t", "nfs", "-o", way.options, f"{filer.SERVER}:{EXPORT}", PLACE])
    try:
        yield
    finally:
        worker.run(["umount", PLACE])
        worker.run(["sh", "-c", f"echo 1 > {leases}"])


@contextlib.contextmanager
def written(worker: Node) -> Iterator[None]:
    """A program of the server has the image open for writing, as a client's could: it cannot be delegated then."""
    program = "import sys, time; file = open(sys.argv[1], 'r+b'); time.sleep(3600)"
    path = f"{EXPORT}/{IMAGE}"
    worker.run(["systemd-run", "--quiet", "--unit=writer", "python3", "-c", program, path])
    try:
        worker.wait_until(
            lambda: path in worker.run(["sh", "-c", "ls -l /proc/[0-9]*/fd 2> /dev/null || :"]).stdout, "it is open", 30
        )
        yield
    finally:
        worker.run("systemctl stop writer")


def count(worker: Node) -> Count:
    client, server = worker.run(["sh", "-c", _COUNT]).stdout.split()
    return Count(int(client), int(server))


def read(worker: Node, number: int, how: tuple[str, str] = CACHED) -> int:
    """Let so many readers read at once. Returns the bytes that the client got from the server."""
    before = count(worker)
    worker.run(["sh", "-c", _READ, "read", str(number), *how], timeout=60 + 20 * number)
    after = count(worker)
    sent, got = after.server - before.server, after.client - before.client
    assert sent == got, "the server counts as its only client does"
    return got
