"""What disturbs the start of a guest: processes beside it, and what root does between the builder's end and QEMU's."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from e2e.domain import scene
from testnode import site
from testnode.node import Node

# What root does between the builder's end and QEMU's start, by scripts in /srv: for each job, or for one whose base
# image has that name. $1 is the first disk, $2 the guest's name, $3 the base image, $4 the vm-gahp's process.
_AFTER_BUILDER = r"""#!/bin/sh
[ ! -x /srv/before ] || /srv/before > /dev/null 2>&1 < /dev/null
definition=$(/usr/libexec/condor-kvm-stage/build-domain "$PPID")
disk=$(printf %s "$definition" | grep -o "/[^\"']*.condor-kvm-stage/disk.qcow2" | head -n 1)
name=$(printf %s "$definition" | sed -n 's,.*<name>\([^<]*\)</name>.*,\1,p')
base=$(printf %s "$definition" | grep -o "/srv/images/[^\"']*" | head -n 1)
for script in /srv/between "/srv/between-${base##*/}"; do
    [ ! -x "$script" ] || "$script" "$disk" "$name" "$base" "$PPID" > /dev/null 2>&1 < /dev/null
done
printf '%s\n' "$definition"
"""
_WRAPPER = "/srv/after-builder"
_SITE = '[staging]\nimage_dirs = ["/srv/images"]\n'
# Sets an access control list (acl(5)) with a group that has no right, or removes it
_DENY = """
import os, struct, sys
path, *group = sys.argv[1:]
owner, owners_group, named_group, mask, other = 1, 4, 8, 16, 32
denied = [(named_group, 0, int(name)) for name in group]
rights = [(owner, 6, -1), (owners_group, 4, -1), *denied, (mask, 4, -1), (other, 4, -1)]
acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *right) for right in rights)
if group:
    os.setxattr(path, "system.posix_acl_access", acl)
else:
    os.removexattr(path, "system.posix_acl_access")
"""
SETTINGS = f"LIBVIRT_XML_SCRIPT = {_WRAPPER}\n"  # of HTCondor, for between()


def prepare(worker: Node) -> None:
    """Write the program that SETTINGS names."""
    put(worker, _WRAPPER, _AFTER_BUILDER)


def put(worker: Node, path: str, text: str) -> None:
    place = worker.root / path.lstrip("/")
    place.write_text(text, encoding="utf-8")
    place.chmod(0o755)


def put_script(worker: Node, name: str, script: str) -> None:
    put(worker, f"/srv/{name}", f"#!/bin/sh\n{script}\n")


@contextlib.contextmanager
def unit(worker: Node, command: list[str], user: str = "root") -> Iterator[None]:
    """Run a command in the background, until the context ends."""
    run = ["systemd-run", "--quiet", "--collect", "--unit=disturbance", f"--uid={user}"]
    worker.run([*run, *command])
    try:
        yield
    finally:
        end_unit(worker)


def end_unit(worker: Node) -> None:
    worker.run("systemctl kill --signal=KILL disturbance", check=False)
    worker.wait_until(
        lambda: worker.run("systemctl is-active --quiet disturbance", check=False).returncode != 0, "it ends", 20
    )


@contextlib.contextmanager
def between(worker: Node, script: str, after: str = ":", when: str = "between") -> Iterator[None]:
    """Run a script of root's between builder and QEMU, with the arguments above.

    after: what is run in the end. when: "before", for before the builder; then the script has no arguments.
    """
    put_script(worker, when, script)
    try:
        yield
    finally:
        (worker.root / "srv" / when).unlink()
        worker.run(["sh", "-c", after])


@contextlib.contextmanager
def running_between(worker: Node, command: str) -> Iterator[None]:
    """Start a program between builder and QEMU, which runs until the context ends."""
    script = f"systemd-run --quiet --collect --unit=disturbance {command}; sleep 2"
    with between(worker, script):
        yield
    end_unit(worker)


@contextlib.contextmanager
def limited(worker: Node, resource: str, limit: int) -> Iterator[None]:
    """Let libvirt, and each QEMU that it starts, have no more of a resource than so much; the names are prlimit's."""
    limits = ["prlimit", "--pid", worker.run("pidof libvirtd").stdout.split()[0]]
    before = worker.run([*limits, f"--{resource}", "--output=SOFT", "--noheadings"]).stdout.strip()
    worker.run([*limits, f"--{resource}={limit}:"])
    try:
        yield
    finally:
        worker.run([*limits, f"--{resource}={before}:"])


@contextlib.contextmanager
def hidden_scratch_directories(worker: Node) -> Iterator[None]:
    with between(worker, f"chmod 700 {scene.EXECUTE}", after=f"chmod 755 {scene.EXECUTE}"):
        yield


@contextlib.contextmanager
def denied_to_guests(worker: Node, image: str) -> Iterator[None]:
    """Let every user read an image of the site's, but no guest, as SELinux can: by QEMU's group, which is libvirt's."""
    group = worker.run("stat --format=%g /var/lib/libvirt/qemu").stdout.strip()
    put(worker, "/srv/deny.py", _DENY)
    with site.policy(worker, _SITE):
        worker.run(["python3", "/srv/deny.py", image, group])
        try:
            yield
        finally:
            worker.run(["python3", "/srv/deny.py", image])


@contextlib.contextmanager
def closed_image(worker: Node, image: str) -> Iterator[None]:
    """Close an image of the site's to all but root, after the builder has looked at it."""
    with site.policy(worker, _SITE), between(worker, f"chmod 600 {image}", f"chmod 644 {image}"):
        yield
