"""A container of a target's image, with systemd as PID 1 and /dev/kvm: a node for the steps. Needs root and podman."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from testnode import recipe
from testnode.node import Node
from testnode.run import CommandError, TestNodeError, progress, run

from .targets import Target

# The container has all privileges, because libvirt's network writes to /proc/sys and /sys: its systemd must leave alone
# what is this machine's. An image may have no systemd: it is installed. /dev/kvm is open to all users, as a rule of
# udev makes it on these systems.
_START = """
set -e
[ -x /usr/lib/systemd/systemd ] || {install} systemd
for unit in systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket \\
    systemd-udev-trigger.service systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service \\
    proc-sys-fs-binfmt_misc.automount getty.target; do
    ln -sf /dev/null /etc/systemd/system/$unit
done
chmod 666 /dev/kvm
exec /usr/lib/systemd/systemd
"""
PLACE = Path("/srv/verify")  # where the container has what it is given
_PULL = 900  # seconds
_BOOT = 600  # with the installation of systemd


@contextlib.contextmanager
def running(target: Target, files: Path) -> Iterator[Node]:
    """Start a container, and yield it once systemd is up. It ends with the context.

    files: a directory of this machine, which it has at PLACE, read only. Raises TestNodeError.
    """
    name = f"{recipe.PACKAGE}-verify-{target.name}"
    if len(target.image) == 1:
        _pull(target.image[0])
    progress(f"starting a container: {' '.join(target.image)}")
    options = ["--replace", f"--name={name}", f"--hostname={recipe.HOSTNAME}", "--no-hosts"]
    options += ["--systemd=always", "--privileged", "--device=/dev/kvm", "--pids-limit=-1"]
    start = _START.format(install=" ".join(target.packager.install))
    try:
        run(["podman", "run", "--detach", *options, f"--volume={files}:{PLACE}:ro", *target.image, "sh", "-c", start])
        node = Node(int(run(["podman", "inspect", "--format={{.State.Pid}}", name]).stdout))
        try:
            node.wait_until(lambda: _is_up(node, name), f"systemd is up in {name}", _BOOT)
        except TestNodeError as error:
            logs = run(["podman", "logs", "--tail=20", name], check=False)
            raise TestNodeError(f"{error}\n{logs.stdout}{logs.stderr}".rstrip()) from error
        yield node
    finally:
        run(["podman", "rm", "--force", "--ignore", "--time=0", name], check=False)


def _pull(image: str) -> None:
    progress(f"getting the image {image}")
    try:
        run(["podman", "pull", "--quiet", image], timeout=_PULL)
    except CommandError as error:
        reason = str(error).splitlines()[-1]
        raise TestNodeError(f"cannot get the image {image}: {reason}; is its registry within reach?") from error


def _is_up(node: Node, name: str) -> bool:
    """Return whether systemd has started everything. A unit may have failed: it may need what no container has."""
    if run(["podman", "inspect", "--format={{.State.Running}}", name]).stdout != "true\n":
        raise TestNodeError(f"the container {name} has ended; it said:")
    try:
        state = node.run("systemctl is-system-running", timeout=20, check=False).stdout.strip()
    except CommandError:
        return False
    return state in ("running", "degraded")
