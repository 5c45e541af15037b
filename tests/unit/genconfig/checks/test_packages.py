"""Next steps that install something: dnf with EL's names, or zypper with openSUSE's."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.checks import Findings, packages
from condor_kvm_stage.genconfig.probes import environment
from support.fake_host import FakeHost, write
from support.findings import Change, all_of, of, verdict

SUSE = of("environment", suse=True)


@pytest.mark.parametrize(
    ("text", "suse"),
    [
        ('NAME="openSUSE Leap"\nID="opensuse-leap"\nID_LIKE="suse opensuse"\n', True),
        ('ID="opensuse-tumbleweed"\n', True),
        ("ID=sles\n", True),
        ('ID="sle-micro"\nID_LIKE="suse"\n', True),
        ('NAME="CentOS Stream"\nID="centos"\nID_LIKE="rhel fedora"\n', False),
        ("ID=fedora\n", False),
        ("# nothing\n", False),
    ],
)
def test_os_release_says_whether_this_is_suse(tmp_path: Path, text: str, suse: bool) -> None:
    write(tmp_path, "etc/os-release", text)
    assert environment.probe(FakeHost(tmp_path)).suse is suse


def test_commands_are_those_of_the_distribution(good: Findings) -> None:
    el, suse = good.facts, SUSE(good).facts
    assert packages.install(el, "libvirt-client", "qemu-img") == "dnf install libvirt-client qemu-img"
    assert packages.install(suse, "libvirt-client", "qemu-img") == "zypper install libvirt-client qemu-tools"
    assert packages.reinstall(suse, "condor-kvm-stage") == "zypper install --force condor-kvm-stage"
    assert (packages.upgrade(el), packages.upgrade(suse)) == ("dnf upgrade", "zypper update")


@pytest.mark.parametrize(
    ("architecture", "qemu", "firmware"),
    [("x86_64", "qemu-x86", "qemu-ovmf-x86_64"), ("aarch64", "qemu-arm", "qemu-uefi-aarch64")],
)
def test_qemu_is_named_by_its_architecture_on_suse(good: Findings, architecture: str, qemu: str, firmware: str) -> None:
    facts = all_of(SUSE, of("cpu", architecture=architecture))(good).facts
    assert packages.install(facts, "qemu-kvm-core", "edk2-ovmf") == f"zypper install {qemu} {firmware}"


@pytest.mark.parametrize(
    ("change", "subject", "step"),
    [
        (of("libvirt", daemon=""), "libvirt daemon", "zypper install libvirt-daemon-qemu; then"),
        (of("programs", qemu=""), "libvirt qemu", "zypper install qemu-x86; then"),
        (of("programs", qemu_img=""), "images qemu-img", "zypper install qemu-tools"),
        (of("programs", vm_gahp=""), "htcondor vm-gahp", "zypper install condor-vm-gahp"),
    ],
)
def test_next_steps_of_a_host_with_suse_name_zypper(good: Findings, change: Change, subject: str, step: str) -> None:
    assert step in verdict(all_of(SUSE, change)(good), subject).next_step
