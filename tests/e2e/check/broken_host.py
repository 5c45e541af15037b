"""Broken nodes: devices, libvirt, images, this package's programs, and EXECUTE."""

from __future__ import annotations

from e2e.check.repair import APPLY, EXECUTE, Broken, policy
from testnode.site import POLICY

_SOCKETS = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
_DOMAINS = "/var/lib/libvirt/qemu"
_IMAGES = 'image_dirs = ["/srv/images"]'
_CANARY = "/srv/images/canary.qcow2"
_WITH_CANARY = policy("[staging]", _IMAGES, f'canary_image = "{_CANARY}"')
_OURS = "/usr/libexec/condor-kvm-stage"
_BOM = "\\xef\\xbb\\xbf"

DEVICES = (
    Broken(
        "kvm-absent",
        "umount /dev/kvm; rm -f /dev/kvm",
        "kvm device",
        says="No such file",
        step="pass it into the container",
        follow="mknod /dev/kvm c 10 232; chmod 666 /dev/kvm",
    ),
    Broken(
        "kvm-is-no-kvm",
        "mount --bind /dev/null /dev/kvm",
        "kvm device",
        says="ioctl",
        step="pass it into the container",
        follow="umount /dev/kvm",
    ),
    Broken("kvm-closed", "chmod 600 /dev/kvm", "libvirt user", says="mode 0600"),
)
LIBVIRT = (
    Broken("libvirt-stopped", f"systemctl stop {_SOCKETS} libvirtd.service", "libvirt daemon"),
    Broken("libvirt-masked", f"systemctl mask --now {_SOCKETS} libvirtd.service", "libvirt daemon"),
    # Whether it is busy or dead is not known, so it is no failure
    Broken(
        "libvirt-hangs",
        "systemctl start libvirtd; systemctl kill --signal=STOP libvirtd",
        "libvirt daemon",
        "warn",
        says="did not end within",
        step="if it never answers: systemctl restart libvirtd",
        follow=f"systemctl kill --signal=CONT libvirtd; systemctl restart libvirtd; {APPLY}",
    ),
    Broken(
        "libvirt-roots-group",
        f"chgrp root {_DOMAINS}",
        "libvirt user",
        says="root's group",
        step="systemctl restart libvirtd; then",
        follow=f"systemctl restart libvirtd; {APPLY}",
    ),
    Broken("libvirt-directory-closed", f"chmod 700 {_DOMAINS}", "libvirt user", says="mode 0700", restart=True),
    Broken(
        "no-qemu",
        "mv /usr/bin/qemu-system-x86_64 /srv/",
        "libvirt qemu",
        step="dnf install qemu-kvm-core",
        follow="mv /srv/qemu-system-x86_64 /usr/bin/",
    ),
    Broken(
        "no-virsh",
        "mv /usr/bin/virsh /srv/",
        "libvirt daemon",
        "warn",
        says="no program virsh",
        step="dnf install libvirt-client",
        follow="mv /srv/virsh /usr/bin/",
        runs=True,
    ),
)
IMAGES = (
    Broken(
        "images-missing",
        "mv /srv/images /srv/away",
        "images directory",
        says="No such file",
        step="check that it is mounted",
        follow="mv /srv/away /srv/images",
    ),
    Broken(
        "image-incomplete",
        "cp /srv/images/base.qcow2 /srv/; truncate -s 100K /srv/images/base.qcow2",
        "images directory",
        says="copied to the share completely",
        step="then try again",
        follow="cp /srv/base.qcow2 /srv/images/",
    ),
    Broken(
        "canary-missing",
        f"{_WITH_CANARY}; cp /srv/images/base.qcow2 {_CANARY}; {APPLY}; rm {_CANARY}; condor_reconfig; sleep 3",
        "images canary",
        step="after condor_reconfig",
        follow=f"cp /srv/images/base.qcow2 {_CANARY}; condor_reconfig",
    ),
    # Only images of other formats and jobs that upload need it
    Broken(
        "no-qemu-img",
        "mv /usr/bin/qemu-img /srv/",
        "images qemu-img",
        step="dnf install qemu-img",
        follow="mv /srv/qemu-img /usr/bin/",
        runs=True,
    ),
    Broken(
        "policy-unquoted",
        policy("[staging]", _IMAGES, "[vm]", "memory = 8G"),
        "images policy",
        says='instead of memory = 8G write memory = "8G"',
        step=f"then {APPLY}",
        follow=f"""sed -i 's/^memory = 8G/memory = "8G"/' {POLICY}; {APPLY}""",
    ),
    Broken(
        "policy-bom",
        f"sed -i '1s/^/{_BOM}/' {POLICY}",
        "images policy",
        says=f"sed -i '1s/^{_BOM}//' {POLICY}",
        step=f"then {APPLY}",
        follow=f"sed -i '1s/^{_BOM}//' {POLICY}; {APPLY}",
    ),
    Broken(
        "policy-capitals",
        policy("[staging]", _IMAGES, "[network]", 'types = ["NAT"]'),
        "images policy",
        says='write types = ["nat"]',
        step=f"then {APPLY}",
        follow=f"sed -i s/NAT/nat/ {POLICY}; {APPLY}",
    ),
    Broken(
        "policy-closed",
        f"chmod 600 {POLICY}",
        "images policy",
        says=f"chmod 644 {POLICY}",
        step=f"then {APPLY}",
        follow=f"chmod 644 {POLICY}; {APPLY}",
    ),
)
PROGRAMS = (
    Broken(
        "plugin-not-executable",
        "chmod 644 /usr/local/bin/vm-nfs-plugin; condor_reconfig; sleep 3",
        "package plug-in",
        says="is not executable",
    ),
    Broken("plugin-removed", "rm /usr/local/bin/vm-nfs-plugin; condor_reconfig; sleep 3", "package plug-in"),
    Broken("modules-closed", "chmod 700 /usr/share/condor-kvm-stage", "package plug-in"),
    Broken(
        "programs-closed",
        "chmod 700 /usr/local/bin",
        "package plug-in",
        says="Permission denied",
        step="the directories above it (chmod o+rx); then condor_reconfig",
        follow="chmod o+rx /usr/local/bin; condor_reconfig",
    ),
    Broken("builder-missing", f"rm {_OURS}/condor-kvm-stage-domain", "htcondor domain"),
    Broken("build-domain-missing", f"rm {_OURS}/build-domain", "htcondor domain"),
    Broken("hook-not-executable", f"chmod 644 {_OURS}/condor-kvm-stage-prepare", "htcondor domain"),
    Broken("filter-missing", f"rm {_OURS}/condor-kvm-stage-gahp", "htcondor domain"),
    Broken(
        "no-vm-gahp",
        "mv /usr/sbin/condor_vm-gahp /srv/",
        "htcondor vm-gahp",
        step="dnf install condor-vm-gahp",
        follow="mv /srv/condor_vm-gahp /usr/sbin/",
    ),
)
SCRATCH = (
    Broken(
        "execute-full",
        f"mount -t tmpfs -o size=80M,mode=755 tmpfs {EXECUTE}; head -c 70M /dev/zero > {EXECUTE}/fill",
        "htcondor execute",
        says="10 of 80 MiB free",
        step="free some",
        follow=f"umount {EXECUTE}",
    ),
    Broken(
        "execute-closed",
        f"chmod 700 {EXECUTE}",
        "libvirt trial",
        says="users of jobs",
        step=f"chmod o+x {EXECUTE}",
        follow=f"chmod o+x {EXECUTE}",
    ),
    Broken(
        "execute-in-closed-directory",
        "chmod 700 /var/lib/condor",
        "libvirt trial",
        says="users of jobs",
        step="chmod o+x /var/lib/condor",
        follow="chmod o+x /var/lib/condor",
    ),
)
ROWS = (*DEVICES, *LIBVIRT, *IMAGES, *PROGRAMS, *SCRATCH)
