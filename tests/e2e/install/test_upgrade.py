"""Upgrades and downgrades on a worker that runs: what its administrator has set stays, the node keeps its offers."""

from __future__ import annotations

import pytest

from condor_kvm_stage import __version__
from e2e.apply.worker import offered_memory, rendered_memory
from e2e.install.worker import OLDER, Worker
from testnode import builds, pool
from testnode.recipe import PACKAGE
from testnode.site import POLICY, SNIPPET


@pytest.mark.guest
def test_node_offers_the_same_after_upgrade_downgrade_and_reinstallation(unset: Worker) -> None:
    unset.install(OLDER)
    unset.wait_until_advertises(HasVM=True, NfsPluginVersion=builds.OLDER)
    memory = offered_memory(unset.node)
    assert memory == rendered_memory(unset.node)
    started = pool.slot_ad(unset.node)["DaemonStartTime"]
    for step, version in (("upgrade", __version__), ("downgrade", builds.OLDER), ("reinstall", builds.OLDER)):
        assert unset.dnf(step, PACKAGE) == []
        assert (unset.version(), unset.verified()) == (version, "")
        assert f"condor-kvm-stage-genconfig {version}," in unset.path(SNIPPET).read_text(encoding="utf-8")
        # the same startd: there is nothing for which it would have to start again
        unset.wait_until_advertises(HasVM=True, VM_Memory=memory, NfsPluginVersion=version, DaemonStartTime=started)


@pytest.mark.guest
def test_changed_policy_survives_and_is_in_force(unset: Worker) -> None:
    unset.install(OLDER)
    policy = '[vm]\nmemory = "2G"\n'
    unset.path(POLICY).write_text(policy, encoding="utf-8")
    unset.dnf("upgrade", PACKAGE)
    assert unset.path(POLICY).read_text(encoding="utf-8") == policy
    assert builds.OLDER_POLICY not in unset.path(f"{POLICY}.rpmnew").read_text(encoding="utf-8")
    unset.wait_until_advertises(HasVM=True, VM_Memory=2048)
    unset.dnf("downgrade", PACKAGE)
    assert unset.path(POLICY).read_text(encoding="utf-8") == policy
    unset.wait_until_advertises(HasVM=True, VM_Memory=2048)


def test_broken_policy_is_one_message_and_the_node_goes_on_as_it_was(unset: Worker) -> None:
    unset.install(OLDER)
    before = unset.path(SNIPPET).read_text(encoding="utf-8")
    unset.path(POLICY).write_text("[vm]\nmemroy = 1\n", encoding="utf-8")
    (said,) = [line for line in unset.dnf("upgrade", PACKAGE) if not line.startswith("warning: /etc/condor-kvm-stage/")]
    assert "line 2: unknown key 'memroy' in [vm]; did you mean 'memory'?" in said
    assert unset.version() == __version__
    assert unset.path(SNIPPET).read_text(encoding="utf-8") == before


def test_edited_snippet_is_kept_as_rpmsave_and_the_administrator_is_told(unset: Worker) -> None:
    unset.install(OLDER)
    text = unset.path(SNIPPET).read_text(encoding="utf-8") + "MY_OWN_SETTING = 1\n"
    unset.path(SNIPPET).write_text(text, encoding="utf-8")
    (said,) = unset.dnf("upgrade", PACKAGE)
    (kept,) = unset.path("/etc/condor-kvm-stage").glob("*.rpmsave")
    assert f"{SNIPPET} has been edited, and is replaced; kept as /etc/condor-kvm-stage/{kept.name} (" in said
    assert kept.read_text(encoding="utf-8") == text
    assert "MY_OWN_SETTING" not in unset.path(SNIPPET).read_text(encoding="utf-8")


def test_unit_that_the_administrator_has_disabled_stays_so_and_nothing_is_generated(unset: Worker) -> None:
    unset.install(OLDER)
    unset.node.run(["systemctl", "disable", PACKAGE])
    before = unset.path(SNIPPET).read_text(encoding="utf-8")
    assert unset.dnf("upgrade", PACKAGE) == []
    assert unset.node.run(["systemctl", "is-enabled", PACKAGE], check=False).stdout == "disabled\n"
    assert unset.path(SNIPPET).read_text(encoding="utf-8") == before
    unset.dnf("downgrade", PACKAGE)
    assert unset.node.run(["systemctl", "is-enabled", PACKAGE], check=False).stdout == "disabled\n"
