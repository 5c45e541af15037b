"""--check on a real worker, healthy and with one thing broken at a time."""

from __future__ import annotations

import json

import pytest

from condor_kvm_stage.installed import GUEST_FACTS
from e2e.check.verdicts import CHECK, away, check
from testnode import site, stages
from testnode.node import Node


@pytest.mark.guest
def test_healthy_node_is_found_healthy(own: Node) -> None:
    result = check(own)
    assert (result.status, result.failed) == (0, set())
    names = ("kvm device", "libvirt daemon", "libvirt cpu", "libvirt trial")
    for name in (*names, *(f"htcondor {name}" for name in ("vm-gahp-test", "snippet", "domain", "startd"))):
        assert result.levels[name] == "ok", result.found[name]
    assert own.run(CHECK).stdout.splitlines()[-1].startswith("This node can run VM jobs")


def test_json_and_text_agree(own: Node) -> None:
    text = own.run(f"{CHECK} --verbose", check=False).stdout.splitlines()
    document = json.loads(own.run(f"{CHECK} --json", check=False).stdout)
    expected, urgent = [], []
    for verdict in document["checks"]:
        lines = [f"{verdict['level']:4}  {verdict['group']} {verdict['name']}: {verdict['found']}"]
        lines += [f"      -> {verdict['next_step']}"] if verdict["next_step"] else []
        expected += lines
        urgent += lines if verdict["level"] in ("warn", "fail") else []
    assert text[:-1] == expected
    assert own.run(f"{CHECK} --quiet", check=False).stdout.splitlines() == urgent


def test_share_that_hangs_is_a_failure_in_time(own: Node) -> None:
    policy = f'[staging]\nimage_dirs = ["/srv/images", "{site.HANGING}"]\n'
    with site.policy(own, policy), site.hanging_share(own):
        result = check(own)
    assert result.status == 1
    assert "images directory" in result.failed
    assert f"{site.HANGING} (fuse filer:/hanging): " in result.found["images directory"]
    assert "the share did not answer: " in result.found["images directory"]


@pytest.mark.guest
def test_stopped_libvirt_is_a_failure_that_htcondors_own_test_shares(own: Node) -> None:
    units = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
    own.run(f"systemctl stop {units} libvirtd.service")
    try:
        result = check(own)
    finally:
        own.run(f"systemctl start {units}")
    assert result.status == 1
    assert result.failed == {"libvirt daemon", "htcondor vm-gahp-test"}


@pytest.mark.guest
def test_guests_that_are_defined_by_what_no_longer_holds_are_a_warning_until_the_next_step_is_done(own: Node) -> None:
    """As after an --apply that libvirt had not answered."""
    facts = own.root / GUEST_FACTS.lstrip("/")
    written = facts.read_text()
    facts.write_text(written.replace('"security_models": ["dac"]', '"security_models": []'))
    result = check(own)
    assert (result.status, result.levels["libvirt facts"]) == (0, "warn")
    assert "security_models is none, and is to be dac" in result.found["libvirt facts"]
    own.run(result.steps["libvirt facts"], timeout=90)
    assert facts.read_text() == written
    assert check(own).levels["libvirt facts"] == "ok"


@pytest.mark.guest
def test_stopped_htcondor_is_a_failure(own: Node) -> None:
    own.run("systemctl stop condor", timeout=90)
    try:
        result = check(own)
    finally:
        own.run("systemctl start condor")
        stages.wait_for_vm_universe(own, True)
    assert result.status == 1
    assert result.failed == {"htcondor startd"}


def test_broken_policy_is_a_failure_with_its_line(own: Node) -> None:
    with site.policy(own, "[staging]\ntimeout = soon\n"):
        result = check(own)
    assert result.status == 1
    assert result.failed == {"images policy"}
    assert "/etc/condor-kvm-stage/config.toml is broken: " in result.found["images policy"]
    assert "line 2" in result.found["images policy"]


@pytest.mark.guest
def test_ordinary_user_is_told_what_only_root_can_find_out(own: Node) -> None:
    result = check(own, user="alice")
    assert (result.status, result.failed) == (0, set())
    assert result.levels["kvm device"] == "ok"
    assert result.levels["htcondor vm-gahp-test"] == "warn"
    assert result.levels["htcondor snippet"] == "ok", result.found["htcondor snippet"]
    assert result.levels["htcondor startd"] == "ok", result.found["htcondor startd"]
    assert result.levels["host cpu"] != "warn"
    last = own.run(CHECK, user="alice").stdout.splitlines()[-1]
    assert last.startswith("This node can run VM jobs, as far as this user can tell, with ")


def test_missing_vm_gahp_is_a_failure_with_its_package(own: Node) -> None:
    with away(own, "/usr/sbin/condor_vm-gahp"):
        result = check(own)
        text = own.run(CHECK, check=False).stdout
    assert result.status == 1
    assert result.failed == {"htcondor vm-gahp"}
    assert "no program condor_vm-gahp\n      -> dnf install condor-vm-gahp\n" in text
