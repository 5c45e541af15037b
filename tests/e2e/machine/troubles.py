"""What befalls an NFS server, or a client's mount of it: each ends with its context, when every mount works again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from e2e.machine import filer
from testnode.node import Node

_SECOND = "127.0.0.3"  # another address of the server: what the kernel knows of the first one does not count there
_THIRD = "127.0.0.4"  # another one, for another client
_DELAY = "500ms"  # of each packet to the slow server
OWN = "/srv/own"  # the mount point of a trouble that has a mount of its own
UNIT = "srv-own"  # systemd's name for it


@contextlib.contextmanager
def back_afterwards(worker: Node) -> Iterator[None]:
    """After the context, wait until the server, which answers again, does so through every mount."""
    try:
        yield
    finally:
        worker.wait_until(lambda: filer.answers(worker), "the server answers again", 180)


@contextlib.contextmanager
def cut_off(worker: Node) -> Iterator[None]:
    """The server's packets are dropped: nothing refuses a connection, nothing answers."""
    rule = ["INPUT", "--destination", filer.ADDRESS, "--protocol", "tcp", "--dport", "2049", "--jump", "DROP"]
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
def restarted(worker: Node) -> Iterator[None]:
    """The server has just been started: its grace period begins."""
    with back_afterwards(worker), _lost_client(worker):
        worker.run("systemctl restart nfs-server", timeout=120)
        yield


@contextlib.contextmanager
def _lost_client(worker: Node) -> Iterator[None]:
    """A client that the server knows does not return: without one, it ends its grace period early."""
    place, rule = "/srv/lost", ["INPUT", "--destination", _THIRD, "--jump", "DROP"]
    mounting = f"hostname lost && mkdir --parents {place} && mount -o vers=4.2,soft {_THIRD}:{filer.EXPORT} {place}"
    worker.run(["unshare", "--uts", "sh", "-c", mounting], timeout=60)
    worker.run(["iptables", "--insert", *rule])
    try:
        yield
    finally:
        filer.unmount(worker, [place])
        worker.run(["iptables", "--delete", *rule])


@contextlib.contextmanager
def exported(worker: Node, access: str) -> Iterator[None]:
    with back_afterwards(worker):
        filer.export(worker, access)
        try:
            yield
        finally:
            filer.export(worker, "rw")


@contextlib.contextmanager
def replaced(worker: Node) -> Iterator[None]:
    """The directory is another one with the same content, as after a restore: what clients know of it is stale."""
    # the old one stays: the server would wait for its clients before it removes files that they have seen
    old = worker.run(["mktemp", "--directory", f"--tmpdir={filer.DISK}"]).stdout.strip()
    worker.run(["mv", filer.EXPORT, f"{old}/export"])
    worker.run(["cp", "--archive", f"{old}/export", filer.EXPORT])
    worker.run("exportfs -ra")
    try:
        yield
    finally:
        filer.unmount(worker, filer.PLACES.values())
        filer.mount(worker, filer.MOUNTS)


@contextlib.contextmanager
def full(worker: Node) -> Iterator[None]:
    """The server's file system has no space."""
    free = worker.run(["df", "--block-size=1", "--output=avail", filer.DISK]).stdout.split()[-1]
    try:
        # which fills it, and fails: the file's own blocks want some, too
        worker.run(["fallocate", f"--length={free}", f"{filer.DISK}/filled"], check=False)
        yield
    finally:
        worker.run(["rm", f"{filer.DISK}/filled"])


@contextlib.contextmanager
def slow(worker: Node) -> Iterator[None]:
    """Each packet to the server takes _DELAY."""
    bands = "1: prio bands 4 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"
    worker.run(f"tc qdisc add dev lo root handle {bands}")
    try:
        worker.run(f"tc qdisc add dev lo parent 1:4 netem delay {_DELAY}")
        worker.run(f"tc filter add dev lo parent 1: protocol ip u32 match ip dst {filer.ADDRESS}/32 flowid 1:4")
        yield
    finally:
        worker.run("tc qdisc delete dev lo root")


@contextlib.contextmanager
def mounted(worker: Node, options: str, server: str = filer.SERVER) -> Iterator[None]:
    """The export is also mounted on OWN."""
    filer.mount(worker, {"": (OWN, options)}, server)
    try:
        yield
    finally:
        filer.unmount(worker, [OWN])


@contextlib.contextmanager
def without_statd(worker: Node) -> Iterator[None]:
    """It is mounted with NFS 3, and rpc.statd has died since."""
    with mounted(worker, "vers=3", _SECOND):
        worker.run("systemctl stop rpc-statd")
        try:
            yield
        finally:
            worker.run("systemctl start rpc-statd")


@contextlib.contextmanager
def not_mounted(worker: Node) -> Iterator[None]:
    """It should be mounted by fstab(5), and is not."""
    with _in_fstab(worker, "vers=4.2,nofail"):
        yield


@contextlib.contextmanager
def on_demand(worker: Node) -> Iterator[None]:
    """It is mounted when it is first used, by autofs."""
    with _in_fstab(worker, "vers=4.2,noauto,x-systemd.automount,x-systemd.mount-timeout=60s"):
        worker.run("systemctl daemon-reload")
        worker.run(f"systemctl start {UNIT}.automount")
        try:
            yield
        finally:
            worker.run(f"systemctl stop {UNIT}.automount", timeout=120)


@contextlib.contextmanager
def on_demand_and_cut_off(worker: Node) -> Iterator[None]:
    with cut_off(worker), on_demand(worker):
        yield


@contextlib.contextmanager
def _in_fstab(worker: Node, options: str) -> Iterator[None]:
    place = worker.root / "etc/fstab"
    before = place.read_text(encoding="utf-8") if place.exists() else ""
    worker.run(["mkdir", "--parents", OWN])
    place.write_text(f"{before}{filer.SERVER}:{filer.EXPORT} {OWN} nfs {options} 0 0\n", encoding="utf-8")
    try:
        yield
    finally:
        place.write_text(before, encoding="utf-8")
