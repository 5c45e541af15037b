"""Install packages of Debian's in a copy of a root, by the root's own apt."""

from __future__ import annotations

from pathlib import Path

from .run import run

# apt has the settings that mmdebstrap was given; its own user may not write there
_INSTALL = """
set -eu
cd "$1"
mount --bind /dev dev
mount -t proc proc proc
mount -t tmpfs tmpfs var/lib/apt/lists
mount --bind /etc/resolv.conf etc/resolv.conf
finish=$2
shift 2
apt() {
    DEBIAN_FRONTEND=noninteractive chroot . apt-get --option=APT::Sandbox::User=root --yes "$@"
}
apt update
apt --no-install-recommends install "$@"
apt clean
chroot . sh -euc "$finish"
"""


def install(place: Path, *packages: str, finish: str, timeout: float) -> None:
    """Install packages. finish: a shell script that runs in the root then. timeout: seconds. Raises TestNodeError."""
    unshare = ["unshare", "--mount", "--propagation=private"]
    run([*unshare, "sh", "-c", _INSTALL, "install", place, finish, *packages], timeout=timeout)
