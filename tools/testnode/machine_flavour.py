"""What a machine has besides what every one has: mandatory access control that is enforced, or a Kerberos realm."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Flavour:
    """A kind of machine."""

    suffix: str  # of its disk's name in the cache
    packages: tuple[str, ...] = ()
    arguments: str = ""  # further ones of the kernel
    finish: str = ""  # a shell script that runs in the machine's root, last


PLAIN = Flavour("")

# Debian's kernel has AppArmor on. With its parser libvirt, for which Debian has a profile, confines each guest
APPARMOR = Flavour("-apparmor", ("apparmor", "auditd"))

# The files get their contexts here, because the kernel that builds the disk need not have SELinux (setfiles -m)
SELINUX = Flavour(
    "-selinux",
    ("selinux-policy-default", "selinux-utils", "policycoreutils", "semodule-utils", "auditd"),
    "security=selinux selinux=1 enforcing=0",
    "setfiles -m -F /etc/selinux/default/contexts/files/file_contexts /",
)

# A key distribution centre, and what gets tickets from it. Its daemons cannot start before there is a realm
KERBEROS = Flavour(
    "-kerberos",
    ("krb5-kdc", "krb5-admin-server", "krb5-user"),
    finish="systemctl disable krb5-kdc krb5-admin-server",
)
