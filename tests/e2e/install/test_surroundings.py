"""`dnf install` where HTCondor does not run, is not there yet, or has no network in scriptlets."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from condor_kvm_stage.installed import GUEST_FACTS
from e2e.install.worker import Worker
from testnode import pool, stages
from testnode.recipe import PACKAGE
from testnode.site import SNIPPET

MASTER = "/usr/sbin/condor_master"
SOCKETS = ["libvirtd.socket", "libvirtd-ro.socket", "libvirtd-admin.socket"]
LIBVIRT = [*SOCKETS, "libvirtd.service"]
# As in libvirt's src/virtd.socket.in; the name is that by which libvirtd finds what it is given
MODULAR_SOCKET = """\
[Unit]
Conflicts=libvirtd.socket
After=libvirtd.socket
[Socket]
ListenStream=/run/libvirt/{daemon}-sock
FileDescriptorName=libvirtd.socket
SocketMode=0666
RemoveOnStop=yes
[Install]
WantedBy=sockets.target
"""


@pytest.mark.guest
def test_htcondor_that_does_not_run_has_vm_universe_when_it_starts(unset: Worker) -> None:
    unset.node.run("systemctl stop condor", timeout=90)
    try:
        said = unset.dnf("install", PACKAGE)
        assert said[0] == "HTCondor is not running; it will use this when it starts."
        assert said[1].startswith("Next: condor-kvm-stage-genconfig --check ")
        assert unset.path(SNIPPET).exists()
        assert unset.node.run("systemctl is-active condor", check=False).stdout == "inactive\n"
    finally:
        unset.node.run("systemctl start condor", timeout=90)
    unset.wait_until_advertises(HasVM=True)


@pytest.mark.guest
def test_htcondor_that_is_installed_later_has_vm_universe_when_it_starts(unset: Worker) -> None:
    node = unset.node
    node.run("systemctl stop condor", timeout=90)
    node.run(["mv", MASTER, f"{MASTER}.away"])
    try:
        (said,) = unset.dnf("install", PACKAGE)
        assert said.endswith(
            "no program condor_master; install HTCondor (package condor): it will be configured when it starts"
        )
        assert not unset.path(SNIPPET).exists()
        node.run(["systemctl", "start", PACKAGE])
        assert node.run("systemctl --failed --plain --no-legend").stdout == ""
    finally:
        node.run(["mv", f"{MASTER}.away", MASTER])
        node.run("systemctl start condor", timeout=90)
    unset.wait_until_advertises(HasVM=True)
    assert unset.path(SNIPPET).exists()


@pytest.fixture
def silent(unset: Worker) -> Iterator[Worker]:
    """The node with a libvirt as EL and Fedora install it: enabled, and not started before the next boot."""
    unset.node.run(["systemctl", "stop", *LIBVIRT])
    unset.node.run(["sh", "-c", "rm -rf /run/libvirt/libvirt-sock* /run/condor-kvm-stage"])
    yield unset
    unset.node.run(["systemctl", "unmask", "--runtime", *SOCKETS])
    unset.node.run(["systemctl", "start", *SOCKETS])


@pytest.mark.guest
def test_libvirt_that_would_listen_after_a_boot_listens_after_the_installation(silent: Worker) -> None:
    said = silent.dnf("install", PACKAGE)
    assert any("HasVM = true" in line for line in said), said
    assert not any("fail" in line.lower() or "timed out" in line for line in said), said
    assert pool.slot_ad(silent.node)["HasVM"] is True
    node = silent.node
    assert node.run("systemctl is-active libvirtd.socket", check=False).stdout == "active\n"
    assert node.run("systemctl --failed --plain --no-legend").stdout == ""
    assert json.loads(node.run(["cat", GUEST_FACTS]).stdout)["cpu_mode"]
    checked = node.run("condor-kvm-stage-genconfig --check").stdout.splitlines()
    assert checked[-1].startswith("This node can run VM jobs")


@pytest.fixture
def modular(silent: Worker) -> Iterator[Worker]:
    """The node with modular daemons, as EL 9 and later have them: libvirtd takes virtqemud's part."""
    units = {
        name: silent.path(f"/etc/systemd/system/{name}")
        for name in ("virtqemud.socket", "virtqemud.service", "virtnetworkd.socket", "virtnetworkd.service")
    }
    program = silent.path("/usr/sbin/virtqemud")
    for daemon in ("virtqemud", "virtnetworkd"):
        units[f"{daemon}.socket"].write_text(MODULAR_SOCKET.format(daemon=daemon), encoding="ascii")
    units["virtqemud.service"].write_text("[Service]\nType=notify\nExecStart=/usr/sbin/virtqemud --timeout 120\n")
    units["virtnetworkd.service"].write_text("[Service]\nExecStart=/bin/sleep infinity\n")
    program.symlink_to("libvirtd")
    silent.node.run("systemctl daemon-reload")
    silent.node.run(["systemctl", "disable", *SOCKETS])
    silent.node.run("systemctl enable virtqemud.socket virtnetworkd.socket")
    yield silent
    silent.node.run(["systemctl", "disable", "--now", *units], check=False)
    silent.node.run(["systemctl", "enable", *SOCKETS])
    for path in (program, *units.values()):
        path.unlink()
    silent.node.run("systemctl daemon-reload")


@pytest.mark.full
@pytest.mark.guest
def test_modular_daemons_listen_after_the_installation_and_not_the_monolithic_one(modular: Worker) -> None:
    said = modular.dnf("install", PACKAGE)
    assert any("HasVM = true" in line for line in said), said
    units = ("virtqemud.socket", "virtnetworkd.socket", "libvirtd.socket")
    states = modular.node.run(["systemctl", "is-active", *units], check=False).stdout.split()
    assert states == ["active", "active", "inactive"]
    checked = modular.node.run("condor-kvm-stage-genconfig --check").stdout
    assert "listens (virtqemud)" in checked


@pytest.mark.full
@pytest.mark.guest
def test_libvirt_that_is_masked_stays_stopped(silent: Worker) -> None:
    silent.node.run(["systemctl", "mask", "--runtime", *SOCKETS])
    said = silent.dnf("install", PACKAGE)
    assert silent.node.run("systemctl is-active libvirtd.socket", check=False).stdout == "inactive\n"
    assert any("libvirtd.socket is masked" in line for line in said), said
    assert any("HasVM = false" in line and "no libvirt daemon listens" in line for line in said), said


def test_scriptlets_have_no_network_here_and_do_their_work_all_the_same(unset: Worker) -> None:
    """rpm's plug-in unshare: condor_reconfig in a scriptlet would hang for ten seconds, and fail."""
    assert unset.node.run(["rpm", "--eval", "%{?__transaction_unshare}"]).stdout.strip() != ""
    unset.install()
    journal = unset.node.run(["journalctl", "--output=cat", f"--unit={PACKAGE}"]).stdout
    assert "HTCondor advertises for this node: " in journal, "the unit did it, outside of the scriptlet"


def test_all_packages_verify_after_the_installation_and_after_a_boot(unset: Worker) -> None:
    unset.install()
    assert unset.node.run("rpm --verify --all", check=False).stdout == ""
    unset.node.reboot()
    stages.wait_for_nfs(unset.bare)
    assert unset.node.run("rpm --verify --all", check=False).stdout == ""
