"""A node with modular daemons over time: they leave, start again, the node boots, and the package goes away again."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from e2e.check.verdicts import check
from e2e.gahp import worker as gahp
from e2e.modular import worker as modular
from testnode import linux_guest, pool, site
from testnode.node import Node
from testnode.stages import Installed, wait_for_vm_universe

pytestmark = [pytest.mark.guest, pytest.mark.full, pytest.mark.timeout(3600)]  # the first may build libvirt

LINUX = "/srv/images/linux.qcow2"
SCRIPT = """
ifconfig eth0 up
udhcpc -i eth0 -n -q -s /bin/true && say leased
say waits
sleep 120
"""
# Where this machine's KVM runs no Linux, QEMU emulates the guest's processor
EMULATED = Path(__file__).parents[1] / "domain/emulated.sh"


def test_job_runs_after_the_daemons_have_left(node: Node) -> None:
    modular.wait_until_daemons_leave(node)
    modular.run(node, "after-idle", *modular.NAT)
    assert gahp.has_vm(node) == {True}


def test_daemon_stays_as_long_as_a_guest_runs(node: Node) -> None:
    """Else nobody would be told of the guest's end."""
    job = gahp.submit(node, "long")
    gahp.wait_for_ready(node, job)
    before = node.run(["systemctl", "show", "--property=MainPID", "--value", f"{modular.QEMU}.service"]).stdout
    node.run(["sleep", "150"], timeout=200)
    after = node.run(["systemctl", "show", "--property=MainPID", "--value", f"{modular.QEMU}.service"]).stdout
    assert after == before != "0\n"
    gahp.remove(node, job)


def test_startd_that_starts_when_the_daemons_have_left_offers_vm_universe(node: Node) -> None:
    """It gives its test five seconds, and the daemon has to start in these."""
    modular.wait_until_daemons_leave(node)
    node.run("condor_restart -startd")
    node.wait_until(lambda: not pool.slot_ad(node).get("HasVM"), "the startd has left", 60)
    wait_for_vm_universe(node, True)


def test_socket_for_old_clients_does_not_stand_for_a_libvirt_that_is_stopped(node: Node) -> None:
    """virtproxyd accepts at the socket that is libvirtd's elsewhere."""
    node.run("systemctl start virtproxyd.socket")
    node.run(["systemctl", "stop", *(f"virtqemud{kind}" for kind in (".socket", "-ro.socket", "-admin.socket"))])
    result = check(node)
    assert result.levels["libvirt daemon"] == "fail"
    assert "/libvirt/virtqemud-sock'" in result.found["libvirt daemon"]
    step = "systemctl enable --now virtqemud.socket; then condor-kvm-stage-genconfig --apply"
    assert result.steps["libvirt daemon"] == step
    said = node.run("condor-kvm-stage-genconfig --apply", timeout=150).stdout
    assert said.startswith("Started virtqemud.socket, so that libvirt listens\n")
    assert check(node).failed == set()


def test_node_looks_after_the_modular_sockets(node: Node) -> None:
    node.run(["systemctl", "stop", *modular.SOCKETS])
    node.run("systemctl start condor-kvm-stage-health.service", timeout=120)
    assert modular.states(node, *modular.SOCKETS) == ["active", "active"]
    modular.run(node, "healed", *modular.NAT)


def test_network_is_offered_after_a_boot_and_a_job_gets_it(node: Node) -> None:
    """virtnetworkd starts, and with it the network, when somebody asks."""
    node.reboot()
    node.wait_until(lambda: pool.slot_ad(node).get("VM_Networking_Types") == "nat", "the slot offers nat", 120)
    assert gahp.has_vm(node) == {True}
    assert node.run("systemctl --failed --plain --no-legend").stdout == ""
    modular.run(node, "booted", *modular.NAT)


def test_guest_gets_an_address_of_the_default_network(node: Node) -> None:
    if not linux_guest.runs_on_kvm():
        script = node.root / "srv/emulated.sh"
        script.write_text(EMULATED.read_text(encoding="utf-8"), encoding="utf-8")
        script.chmod(0o755)
        setting = node.root / "etc/condor/config.d/60-tests.conf"
        setting.write_text("LIBVIRT_XML_SCRIPT = /srv/emulated.sh\n", encoding="utf-8")
        node.run("condor_reconfig")
    linux_guest.write_image(node.root / LINUX.lstrip("/"), "qcow2", SCRIPT)
    wanted = (*modular.NAT, "request_memory = 256", "MY.WantRemoteUpdates = True")
    job = gahp.submit(node, "address", LINUX, *wanted)
    node.wait_until(lambda: "ChirpGuestAddress" in pool.job_ad(node, job), "the address is in the job's ad", 300)
    address = pool.job_ad(node, job)["ChirpGuestAddress"]
    assert ipaddress.ip_address(address) in ipaddress.ip_network("192.168.122.0/24")
    gahp.remove(node, job)


def test_removal_leaves_the_modular_daemons_as_they_were(installation: Installed) -> None:
    node = installation.node
    assert node.run("dnf --assumeyes remove condor-kvm-stage", timeout=150).returncode == 0
    node.wait_until(
        lambda: pool.transfer_methods(node) == installation.bare.methods and not pool.slot_ad(node)["HasVM"],
        "the slot advertises what it did before",
        90,
    )
    assert not (node.root / site.SNIPPET.lstrip("/")).exists()
    assert modular.states(node, *modular.SOCKETS) == ["active", "active"]
    assert node.run("systemctl --failed --plain --no-legend").stdout == ""
    assert node.run("virsh --connect qemu:///system list --all --name").stdout.split() == []
