"""A node with a kernel of its own: QEMU emulates the whole machine, so that it can have NFS, and KVM inside."""

from __future__ import annotations

import base64
import contextlib
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from . import machine_flavour, machine_root, root
from .machine_flavour import Flavour
from .node import Node, as_user
from .recipe import Release
from .run import CommandError, TestNodeError, progress, run

# QEMU is that of the root of Debian testing: 7.2, which this machine's Debian may have, cannot run a KVM guest inside.
# What it needs from outside is mounted in its own mount namespace: the machine's disk, and a scratch directory for what
# the machine writes.
_BOOT = """
set -eu
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1/mnt"
mount --bind "$3" "$1/tmp"
cd "$1"
shift 3
exec chroot . env TMPDIR=/tmp nice qemu-system-x86_64 "$@"
"""
_PROCESSOR = "EPYC,check=off"  # QEMU emulates AMD's virtualisation, not Intel's
_MEMORY = "3072"  # MiB
_KERNEL_ARGUMENTS = "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=no"
_SLOWER = 5  # times than a node, on a busy machine
_BOOT_TIME = 120  # seconds, times that; 40 in all are enough where nothing else runs
_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
_ADDRESS = "root@127.0.0.1"


class Machine(Node):
    """A running machine. `leader` is the process id of its QEMU, on this machine; it stays the same.

    Commands and files go through one connection to its sshd. A command that run() gives up goes on in the machine. It
    has _SLOWER times the time for everything that a node has.
    """

    def __init__(self, leader: int, scratch: Path, port: int) -> None:
        super().__init__(leader)
        self._scratch = scratch
        self._port = port

    @property
    def root(self) -> Path:
        """The machine's file system, as its root sees it."""
        return self._scratch / "root"

    def command(self, command: Sequence[str], user: str = "root") -> list[str]:
        """Return the command line that runs a command on the machine, as Node.command() does."""
        return [*self._ssh(), _ADDRESS, shlex.join(as_user(command, user))]

    def run(
        self, command: Sequence[str] | str, *, user: str = "root", timeout: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine, as Node.run() does."""
        return super().run(command, user=user, timeout=timeout * _SLOWER, check=check)

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait until condition() is true, as Node.wait_until() does."""
        super().wait_until(condition, what, timeout * _SLOWER)

    def reboot(self) -> None:
        """Boot the machine again, as its administrator does. What it has on disk stays."""
        before = self.run(_BOOT_ID).stdout
        self.run("systemctl reboot", check=False)  # may lose the connection before its end
        self.disconnect()
        self.wait_until(lambda: self._boot_id() not in ("", before), "the machine boots again", _BOOT_TIME)
        self.connect()

    def connect(self) -> None:
        """Wait until systemd is up, then mount the machine's file system."""
        self.wait_until(self.is_up, "systemd is up on the machine", _BOOT_TIME)
        self.root.mkdir(exist_ok=True)
        # nothing is cached: programs of the machine change its files, too
        options = "dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0,direct_io"
        ssh = f"ssh_command={shlex.join(self._ssh())}"
        run(["sshfs", "-o", options, "-o", ssh, f"{_ADDRESS}:/", self.root], timeout=120)

    def disconnect(self) -> None:
        """Unmount the machine's file system, and end the connection."""
        run(["umount", "--lazy", self.root], check=False)
        run([*self._ssh(), "-O", "exit", _ADDRESS], check=False)

    def _boot_id(self) -> str:
        """Return the kernel's name for this boot, "" while nothing answers."""
        try:
            return self.run(_BOOT_ID, timeout=6).stdout
        except CommandError:
            return ""

    def _ssh(self) -> list[str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            # a machine that hangs must not hang its test
            "ServerAliveInterval": "15",
            "ServerAliveCountMax": "8",
            "ControlMaster": "auto",
            "ControlPath": f"{self._scratch}/ssh",
            "ControlPersist": "yes",
            "IdentityFile": f"{self._scratch}/key",
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "Port": str(self._port),
        }
        return ["ssh", "-F", "none", *(word for item in options.items() for word in ("-o", "=".join(item)))]


@contextlib.contextmanager
def running(release: Release = Release.TESTING, flavour: Flavour = machine_flavour.PLAIN) -> Iterator[Machine]:
    """Boot a machine, and yield it once systemd is up. It ends with the context, or with this process."""
    with contextlib.ExitStack() as stack:
        emulator = stack.enter_context(root.cached(Release.TESTING))
        disk = stack.enter_context(machine_root.cached(release, flavour))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="machine-")))
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", scratch / "key"])
        port = _free_port()
        progress(f"booting a machine: Debian {release.value}")
        process = subprocess.Popen(
            [
                # if this process dies, the kernel kills QEMU, and with it the machine
                *["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation=private"],
                *["sh", "-c", _BOOT, "boot", str(emulator), str(disk), str(scratch)],
                *_hardware(port, (scratch / "key.pub").read_bytes(), flavour.arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(scratch / "console").open("ab"),
            start_new_session=True,  # Ctrl-C is for this process, which then ends the machine
        )
        machine = Machine(process.pid, scratch, port)
        try:
            try:
                machine.connect()
            except TestNodeError as error:
                console = (scratch / "console").read_text(encoding="utf-8", errors="replace")
                raise TestNodeError(f"{error}\n{console}") from error
            yield machine
        finally:
            machine.disconnect()
            process.kill()
            process.wait(60)


def _hardware(port: int, key: bytes, arguments: str) -> list[str]:
    """Return QEMU's arguments. Paths are those that it sees, see _BOOT. key: whose owner may log in as root.

    arguments: further ones of the kernel.
    """
    credential = f"io.systemd.credential.binary:ssh.authorized_keys.root={base64.b64encode(key).decode()}"
    return [
        *["-accel", "tcg,thread=multi", "-machine", "q35", "-smp", "2", "-m", _MEMORY, "-cpu", _PROCESSOR],
        *["-nodefaults", "-no-user-config", "-display", "none"],
        *["-chardev", "file,id=console,path=/tmp/console,append=on", "-serial", "chardev:console"],
        *["-kernel", f"/mnt/{machine_root.KERNEL}", "-initrd", f"/mnt/{machine_root.INITRD}"],
        *["-append", f"{_KERNEL_ARGUMENTS} {arguments}".rstrip(), "-smbios", f"type=11,value={credential}"],
        *["-drive", f"file=/mnt/{machine_root.IMAGE},format=raw,if=virtio,snapshot=on,cache=unsafe"],
        # no way out, and the machine's sshd for this machine alone
        *["-nic", f"user,restrict=on,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22"],
        *["-device", "virtio-rng-pci"],
    ]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
