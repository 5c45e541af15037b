"""--apply at installation and at boot: a worker offers what its host has then, by a unit that can be switched off."""

from __future__ import annotations

import re

import pytest

from e2e.apply.worker import (
    APPLY,
    APPLY_WITHOUT_NETWORK,
    offered_memory,
    reboot,
    rendered_memory,
    snippet,
    wait_for_memory,
)
from testnode import pool, site, stages
from testnode.node import Node

VIRSH = "virsh --connect qemu:///system"
# A share that is there some time after the boot; the unit that HTCondor's own waits for has the same name
AUTOFS = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'sleep 4; mkdir -p /run/auto/images'
[Install]
WantedBy=multi-user.target
"""


@pytest.mark.guest
def test_fresh_installation_ends_with_vm_universe_without_a_manual_step(fresh: stages.Installed) -> None:
    assert offered_memory(fresh.node) == rendered_memory(fresh.node)


@pytest.mark.guest
def test_host_with_other_memory_offers_it_after_a_reboot(own: Node) -> None:
    assert offered_memory(own) != 2048
    with site.policy(own, '[vm]\nmemory = "2G"\n'):
        reboot(own)
        wait_for_memory(own, 2048)
        assert "VM_MEMORY = 2048\n" in snippet(own)


@pytest.mark.guest
def test_host_without_kvm_stages_images_and_offers_vm_universe_again_with_it(own: Node) -> None:
    memory = offered_memory(own)
    (own.devices / "kvm").rename(own.devices / "kvm.away")
    try:
        reboot(own)
        assert not (own.root / "dev/kvm").exists()
        stages.wait_for_vm_universe(own, False)
        assert "\nVM_TYPE" not in snippet(own)
        assert "no VM universe: cannot open /dev/kvm: No such file or directory.\n" in snippet(own)
        check = own.run("condor-kvm-stage-genconfig --check", check=False)
        assert check.returncode == 1
        assert re.search(r"^fail  kvm device: cannot open /dev/kvm: No such file", check.stdout, re.MULTILINE)
    finally:
        (own.devices / "kvm.away").rename(own.devices / "kvm")
    reboot(own)
    assert memory is not None
    wait_for_memory(own, memory)


@pytest.mark.full
def test_images_on_a_share_that_autofs_brings_are_found_at_boot(own: Node) -> None:
    unit = "etc/systemd/system/autofs.service"
    (own.root / unit).write_text(AUTOFS, encoding="ascii")
    own.run("systemctl enable autofs.service")
    try:
        with site.policy(own, '[staging]\nimage_dirs = ["/run/auto/images"]\n'):
            reboot(own)
            own.wait_until(lambda: "NfsPluginImageDirs" in pool.slot_ad(own), "the slot advertises directories", 90)
            slot = pool.slot_ad(own)
        assert (slot["NfsPluginImageDirs"], slot["NfsPluginImageDirsFailed"]) == ("/run/auto/images", "")
    finally:
        own.run("systemctl disable --now autofs.service")
        (own.root / unit).unlink()


@pytest.mark.guest
def test_network_that_libvirt_starts_when_it_is_asked_is_offered_after_a_boot(own: Node) -> None:
    """libvirt's daemon is only activated by its socket, as virtnetworkd is on EL 9 and later."""
    own.run(f"{VIRSH} net-autostart default")
    own.run("systemctl disable libvirtd.service")
    own.run("systemctl enable libvirtd.socket")
    try:
        reboot(own)
        own.wait_until(lambda: networks(own) == "nat", "the slot offers nat", 90)
        own.run(f"{VIRSH} net-destroy default")
        own.run(APPLY, timeout=90)
        own.wait_until(lambda: not networks(own), "the slot offers no network that is not active", 90)
    finally:
        own.run(f"{VIRSH} net-autostart --disable default")
        own.run("systemctl enable libvirtd.service")


def networks(worker: Node) -> object:
    slot = pool.slot_ad(worker)
    return slot.get("VM_Networking_Types") if slot.get("VM_Networking") is True else None


def test_one_file_switches_the_boot_unit_off(own: Node) -> None:
    before = snippet(own)
    own.run("touch /etc/condor-kvm-stage/disabled")
    try:
        with site.policy(own, '[vm]\nmemory = "3G"\n'):
            reboot(own)
            assert snippet(own) == before
            installed = own.run("dnf --assumeyes reinstall condor-kvm-stage", timeout=150).stdout
            assert "condor-kvm-stage.service is disabled" not in installed, "the administrator knows"
            assert snippet(own) == before
            said = own.run(APPLY_WITHOUT_NETWORK).stdout
            assert said == (
                "condor-kvm-stage.service is disabled (/etc/condor-kvm-stage/disabled): nothing was changed\n"
            )
            own.run("rm /etc/condor-kvm-stage/disabled")
            own.run("systemctl restart condor-kvm-stage", timeout=90)
            assert snippet(own) != before
    finally:
        own.run("rm --force /etc/condor-kvm-stage/disabled")


def test_unit_is_confined_and_does_not_fail(own: Node) -> None:
    own.run("systemctl restart condor-kvm-stage", timeout=90)
    assert own.run("systemctl --failed --plain --no-legend").stdout == ""
    analysis = own.run("systemd-analyze security --no-pager condor-kvm-stage").stdout
    exposure = re.search(r"Overall exposure level for condor-kvm-stage.service: ([0-9.]+)", analysis)
    assert exposure
    assert float(exposure[1]) < 4
