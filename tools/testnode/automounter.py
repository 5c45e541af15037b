"""A root with the automount daemon, autofs, which Debian's stable release has and its testing has not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from . import container
from .recipe import Release
from .run import progress, run

# By the root's own apt, which has the settings that mmdebstrap was given; its own user may not write there
_INSTALL = """
set -eu
cd "$1"
mount --bind /dev dev
mount -t proc proc proc
mount -t tmpfs tmpfs var/lib/apt/lists
mount --bind /etc/resolv.conf etc/resolv.conf
apt() {
    DEBIAN_FRONTEND=noninteractive chroot . apt-get --option=APT::Sandbox::User=root --yes "$@"
}
apt update
apt --no-install-recommends install autofs
apt clean
chroot . systemctl disable autofs
"""


@contextlib.contextmanager
def tree() -> Iterator[Path]:
    """Yield a copy of the stable release's root that has autofs, to boot a node from. Raises TestNodeError."""
    with container.tree(Release.TRIXIE) as place:
        progress("installing autofs in a copy of Debian trixie's root")
        run(["unshare", "--mount", "--propagation=private", "sh", "-c", _INSTALL, "install", place], timeout=300)
        yield place
