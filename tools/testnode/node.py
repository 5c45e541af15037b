"""One running test node: a throw-away copy of the cached root, booted with systemd as PID 1."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from . import cgroup, meminfo, recipe, root
from .member import Member
from .network import BRIDGE
from .recipe import Release
from .run import CommandError, TestNodeError, allowed, progress, run

# The node's changes are in memory, in its own mount namespace: they disappear with its last process. Its devices are
# copies, because its systemd changes their owner and mode. systemd-nspawn's exit status 133 means that the node wants
# to reboot; children of the control group from the last boot, and its enabled controllers, would be in the way.
_BOOT = """
set -eu
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/changes" "$1/work" "$1/root" "$1/devices"
mount -t overlay -o "lowerdir=$2,upperdir=$1/changes,workdir=$1/work" overlay "$1/root"
cd "$1/root"
for device in /dev/kvm /dev/net/tun /dev/fuse; do
    [ ! -e "$device" ] || cp --archive "$device" "$1/devices"
done
boot() {
    devices=$1/devices machine=$3 group=$4
    shift 4
    find "$group" -type d -delete
    mkdir "$group"
    echo 0 > "$group/cgroup.procs"
    for device in /dev/kvm /dev/net/tun /dev/fuse; do
        [ ! -e "$devices/${device##*/}" ] || set -- "$@" "--bind=$devices/${device##*/}:$device"
    done
    exec systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe --boot --directory=. \\
        --machine="$machine" "$@"
}
status=133
while [ $status -eq 133 ]; do
    status=0
    (boot "$@") || status=$?
done
exit $status
"""
_MOUNT_POINT = root.CACHE / "mount-point"  # used in the node's own mount namespace only
_ENVIRONMENT = [
    "env",
    "--ignore-environment",
    "LC_ALL=C.UTF-8",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
]


class Node:
    """A running node. `leader` is the process id, on this machine, of its PID 1: another one after a reboot.

    `name` is what HTCondor calls it.
    """

    def __init__(self, leader: int, name: str = recipe.HOSTNAME) -> None:
        self.leader = leader
        self.name = name

    @property
    def root(self) -> Path:
        """The node's file system."""
        return Path(f"/proc/{self.leader}/root")

    @property
    def devices(self) -> Path:
        """The directory of the devices that the node gets when it boots: /dev/kvm as `kvm`, and so on."""
        return Path(f"/proc/{_parent(_parent(self.leader))}/root{_MOUNT_POINT}/devices")

    def reboot(self) -> None:
        """Boot the node again, as its administrator does. What it has on disk stays."""
        before, unshare = self.leader, _parent(_parent(_parent(self.leader)))
        self.run("systemctl reboot")
        self.wait_until(lambda: not Path(f"/proc/{before}").exists(), "the test node shuts down", 90)
        self.leader = _leader(unshare)
        self.wait_until(self.is_up, "systemd is up on the test node again", 60)

    def command(self, command: Sequence[str], user: str = "root") -> list[str]:
        """Return the command line that runs a command on the node, as a user, in that user's home directory."""
        return ["nsenter", "--target", str(self.leader), "--all", "--root", "--", *as_user(command, user)]

    def run(
        self, command: Sequence[str] | str, *, user: str = "root", timeout: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command (words, or one string that is split like in a shell) on the node; see run.run()."""
        words = shlex.split(command) if isinstance(command, str) else command
        return run(self.command(words, user), timeout=timeout, check=check)

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait until condition() is true, at most allowed(timeout) seconds. Raises TestNodeError that names `what`."""
        timeout = allowed(timeout)
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise TestNodeError(f"timed out after {timeout:.0f} s: {what}")
            time.sleep(0.25)

    def is_up(self) -> bool:
        """Return whether systemd has started everything. Raises TestNodeError if a unit failed."""
        try:
            state = self.run("systemctl is-system-running", timeout=20, check=False).stdout.strip()
        except CommandError:
            return False
        if state == "degraded":
            failed = self.run("systemctl --failed --plain --no-legend").stdout
            raise TestNodeError(f"a unit of the test node failed:\n{failed}")
        return state == "running"


def as_user(command: Sequence[str], user: str) -> list[str]:
    """Return the command line with which a node's root runs a command as a user, in that user's home directory."""
    home = "/root" if user == "root" else f"/home/{user}"
    switch = [] if user == "root" else ["runuser", "--user", user, "--"]
    return [*_ENVIRONMENT, f"HOME={home}", *switch, "env", f"--chdir={home}", *command]


@contextlib.contextmanager
def running(
    release: Release = Release.TESTING,
    *,
    tree: Path | None = None,
    binds: Mapping[Path, str] | None = None,
    memory: int | None = None,
    member: Member | None = None,
) -> Iterator[Node]:
    """Boot a node, and yield it once systemd is up. It ends with the context, or with this process, however that ends.

    tree: a copy of it is booted instead of the release's root; it must not change while the node runs. binds:
    directories of this machine, and their paths on the node. memory: MiB, None for as much as this machine. member: of
    a pool of several nodes; None: it is a pool by itself, without a network.
    """
    name = member.name if member else recipe.HOSTNAME
    base = contextlib.nullcontext(tree) if tree else root.cached(release)
    with base as lower, cgroup.own() as group, meminfo.showing(memory) as mounts:
        mounts += [f"--bind={source}:{place}" for source, place in (binds or {}).items()]
        layers, enter = str(lower), []
        if member:
            mounts.append(f"--network-bridge={BRIDGE}")
            layers, enter = f"{member.files}:{lower}", ["nsenter", f"--net=/proc/{member.network}/ns/net"]
        _MOUNT_POINT.mkdir(exist_ok=True)
        progress(f"booting a test node, {name}: {'a given tree' if tree else f'Debian {release.value}'}")
        with tempfile.TemporaryFile() as console:
            process = subprocess.Popen(
                [
                    # If this process dies, the kernel kills unshare, and then the PID namespace with all that is in it.
                    *["setpriv", "--pdeathsig", "KILL", *enter],
                    *["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"],
                    *["sh", "-c", _BOOT, "boot", str(_MOUNT_POINT), layers, name, str(group), *mounts],
                ],
                env={**os.environ, "UNIFIED_CGROUP_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for this process, which then ends the node
            )
            try:
                node = Node(_leader(process.pid), name)
                node.wait_until(node.is_up, "systemd is up on the test node", 60)
            except TestNodeError as error:
                console.seek(0)
                raise TestNodeError(f"{error}\n{console.read().decode(errors='replace')}") from error
            else:
                yield node
            finally:
                process.kill()
                process.wait(60)


def _leader(unshare: int) -> int:
    """Return the process id of the node's PID 1: the only child of systemd-nspawn, of the shell, of unshare."""
    deadline = time.monotonic() + allowed(20)
    while time.monotonic() < deadline and _status(unshare, "State") != "Z":  # ended, and not waited for yet
        with contextlib.suppress(ValueError, FileNotFoundError):
            leader = _only_child(_only_child(_only_child(unshare)))
            if Path(f"/proc/{leader}/comm").read_text(encoding="utf-8") == "systemd\n":
                return leader
        time.sleep(0.1)
    raise TestNodeError("the test node does not start; its console says:")


def _only_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii"))


def _parent(pid: int) -> int:
    return int(_status(pid, "PPid"))


def _status(pid: int, name: str) -> str:
    """Return the first word of a field of /proc/PID/status (proc_pid_status(5))."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    return next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:"))
