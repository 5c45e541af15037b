"""Ask the kernel whether SELinux lets a guest read a file: it depends on the policy, booleans, and labels.

This is what security_compute_av(3) does, with selinuxfs: the two contexts and the class are written to `access`, and
the permissions are read from it. A file's context is its attribute security.selinux; for a share without labels the
kernel gives that of the file system, such as nfs_t.
"""

from __future__ import annotations

import os

from .record import dataclass
from .text import quoted

_ROOT = "/sys/fs/selinux"
_PERMISSIVE = 1  # flag of an answer: the guest's domain is permissive (SELINUX_AVD_FLAGS_PERMISSIVE)
# What helps, by the type of the file. For all others, the label.
_BOOLEANS = {"nfs_t": "virt_use_nfs", "cifs_t": "virt_use_samba", "fusefs_t": "virt_use_fusefs"}
_LABEL = "virt_content_t"


@dataclass(frozen=True)
class Denial:
    """What a guest may not do."""

    path: str  # of the file, or of a directory above it
    context: str  # its own
    step: str  # the command that allows it

    @property
    def what(self) -> str:
        """Return the denial as a part of a sentence."""
        return f"SELinux lets no guest read {self.path} (label {self.context})"


class NotKnown(Exception):
    """The kernel did not say."""


def is_on() -> bool:
    """Return whether SELinux is on, enforcing or permissive: selinuxfs is mounted then (selinux(8))."""
    return os.path.exists(f"{_ROOT}/enforce")


def is_enforcing() -> bool:
    """Return whether SELinux is on and denies; False also in permissive mode."""
    try:
        return _read("enforce") == "1"
    except OSError:  # off
        return False


def find_denial(path: str, guest: str) -> Denial | None:
    """Return what keeps a guest from reading a file, None if nothing does.

    path: absolute, without symlinks. guest: the guests' context, which libvirt's capabilities name. Can hang with a
    share. Raises NotKnown, for example if this process may not ask.
    """
    above = ["/", *(path[:at] for at in range(1, len(path)) if path[at] == "/")]
    asked = [(directory, "dir", ("search",)) for directory in above]
    try:
        for place, kind, permissions in [*asked, (path, "file", ("read", "open"))]:
            context = os.getxattr(place, "security.selinux").rstrip(b"\0").decode("ascii")
            if not all(_allows(guest, context, kind, permission) for permission in permissions):
                return Denial(place, context, _step(place, kind, context))
    except (OSError, ValueError, IndexError) as error:
        raise NotKnown(str(error)) from error
    return None


def may_connect(guest: str, context: str) -> bool:
    """Return whether guests may connect to stream sockets of a context. Raises OSError if the kernel does not say."""
    return _allows(guest, context, "unix_stream_socket", "connectto")


def _allows(guest: str, target: str, kind: str, permission: str) -> bool:
    number = int(_read(f"class/{kind}/index"))
    bit = int(_read(f"class/{kind}/perms/{permission}")) - 1
    words = _transact(f"{guest} {target} {number}".encode("ascii")).split()  # allowed decided … … sequence flags
    return bool(int(words[0], 16) >> bit & 1) or bool(int(words[5], 16) & _PERMISSIVE)


def _read(name: str) -> str:
    with open(f"{_ROOT}/{name}", encoding="ascii") as file:
        return file.read().strip()


def _transact(question: bytes) -> bytes:
    """Return the kernel's answer to a question in selinuxfs: one write and one read, of the same open file."""
    descriptor = os.open(f"{_ROOT}/access", os.O_RDWR | os.O_CLOEXEC)
    try:
        os.write(descriptor, question)
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def _step(place: str, kind: str, context: str) -> str:
    file_type = context.split(":")[2]
    if file_type in _BOOLEANS:
        return f"setsebool -P {_BOOLEANS[file_type]} on"
    directory = place if kind == "dir" else os.path.dirname(place)
    return f"semanage fcontext -a -t {_LABEL} {quoted(directory + '(/.*)?')}; restorecon -R {quoted(directory)}"
