"""Label sockets so that SELinux lets guests connect to them: as libvirt labels those that it makes for QEMU.

A socket has two labels: as a file, and as what is connected to. The first is by default that of its directory, which
guests may not use. The second is that of the process: guests may connect to a builder that the vm-gahp has called, not
to one that an administrator has called, for a trial. An ordinary file gets the first one, too: virsh may
read it then.
"""

from __future__ import annotations

import contextlib
import os

from .. import selinux

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = "/etc/selinux"
_ATTRIBUTES = "/proc/thread-self/attr"  # proc_pid_attr(5)


@contextlib.contextmanager
def for_guests(guest: str) -> Iterator[None]:
    """Have what this thread creates in the context labelled for guests. guest: see GuestFacts.selinux.

    Raises OSError.
    """
    wanted = {}
    if guest:
        wanted["fscreate"] = _image_context()
        with open(f"{_ATTRIBUTES}/current", encoding="ascii") as file:
            own = file.read().rstrip("\0\n")
        if not selinux.may_connect(guest, own):
            wanted["sockcreate"] = guest
    try:
        for name, context in wanted.items():
            _set(name, context)
        yield
    finally:
        for name in wanted:
            _set(name, "")


def _image_context() -> str:
    """Return the context of files that guests may write, without categories: from where libvirt has it."""
    with open(f"{_SETTINGS}/config", encoding="utf-8") as file:
        settings = dict(line.strip().split("=", 1) for line in file if "=" in line)
    name = settings.get("SELINUXTYPE", "targeted")
    with open(f"{_SETTINGS}/{name}/contexts/virtual_image_context", encoding="utf-8") as file:
        return file.readline().strip()


def _set(name: str, context: str) -> None:
    """Set one of this thread's contexts, "" for the policy's own choice."""
    descriptor = os.open(f"{_ATTRIBUTES}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, context.encode("ascii") + b"\0" if context else b"")
    finally:
        os.close(descriptor)
