"""--check on a real worker beside libvirt's own virt-host-validate."""

from __future__ import annotations

import re

from e2e.check.verdicts import check
from testnode.node import Node

# What virt-host-validate looks at (tools/virt-host-validate-qemu.c of libvirt), and our check of the same
COUNTERPARTS = {
    r"for hardware virtualization": "host cpu",
    r"if device '/dev/kvm' (exists|is accessible)": "kvm device",
    r"if device '/dev/vhost-net' exists": "kvm vhost-net",
    r"if device '/dev/net/tun' exists": "libvirt trial",
    r"for cgroup '\w+' controller (support|mount-point)": "host cgroup",
    r"for device assignment IOMMU support": "host iommu",
    r"if IOMMU is enabled by kernel": "host iommu",
    r"for secure guest support": "host secure-guests",
}
SAME = {"PASS": ("ok",), "WARN": ("warn",), "FAIL": ("fail",)}
# Where we differ on purpose: their word, ours, and why
DIFFERENT = {
    # A para-virtualised KVM works although the CPU shows no flag; they look at the flag, and not at the device then
    "host cpu": ("FAIL", "ok"),
    # VM universe gives no devices to guests, and does not encrypt them: good to know, nothing to be looked at
    "host iommu": ("WARN", "note"),
    "host secure-guests": ("WARN", "note"),
}


def test_virt_host_validate_comes_to_the_same_verdicts(own: Node) -> None:
    theirs = own.run("virt-host-validate qemu", check=False)
    verdicts = re.findall(r"QEMU: Checking (.*?) +: (PASS|WARN|FAIL)", theirs.stdout)
    assert len(verdicts) >= 5, theirs.stdout + theirs.stderr
    ours = check(own)
    for line, word in verdicts:
        (name,) = [ours_name for pattern, ours_name in COUNTERPARTS.items() if re.fullmatch(pattern, line)]
        level = ours.levels[name]
        assert level in SAME[word] or (word, level) == DIFFERENT.get(name), (line, word, name, level)
    # In the node there are no controllers of control groups; it says so in another way than by lines
    if "no cgroup backend" in theirs.stderr:
        assert ours.levels["host cgroup"] == "warn"
