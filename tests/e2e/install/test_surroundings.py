"""`dnf install` where HTCondor does not run, is not there yet, or has no network in scriptlets."""

from __future__ import annotations

import pytest

from e2e.install.worker import Worker
from testnode import stages
from testnode.recipe import PACKAGE
from testnode.site import SNIPPET

MASTER = "/usr/sbin/condor_master"


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
