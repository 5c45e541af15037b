"""`dnf remove` on a worker that runs: it becomes what it was before, what its administrator wrote and its jobs stay."""

from __future__ import annotations

import pytest

from e2e.install.files import files_of, written_since
from e2e.install.worker import Worker
from testnode import evidence, jobs, pool, recipe
from testnode.recipe import PACKAGE
from testnode.site import POLICY, SNIPPET

_EXECUTING = "Job executing on host"  # event 001


def test_removal_leaves_nothing_behind_and_htcondor_running(unset: Worker) -> None:
    node = unset.node
    marker = "/srv/before"
    node.run(["touch", marker])
    before = files_of(node)
    unset.install()
    assert SNIPPET in files_of(node) - before
    assert unset.dnf("remove", PACKAGE) == []
    unset.wait_until_as_before()
    assert files_of(node) == before
    assert written_since(node, marker) == set()
    assert node.run("systemctl is-active condor").stdout == "active\n"
    assert node.run("systemctl --failed --plain --no-legend").stdout == ""
    known = "systemctl show --property=LoadState,Wants condor-kvm-stage condor"
    assert "LoadState=not-found" in node.run(known).stdout
    assert "Wants=condor-kvm-stage.service" not in node.run(known).stdout


def test_what_the_administrator_wrote_is_kept_where_htcondor_does_not_read_it(unset: Worker) -> None:
    node = unset.node
    before = files_of(node)
    unset.install()
    text = unset.path(SNIPPET).read_text(encoding="utf-8") + "MY_OWN_SETTING = 1\n"
    unset.path(SNIPPET).write_text(text, encoding="utf-8")
    policy = '[vm]\nmemory = "2G"\n'
    unset.path(POLICY).write_text(policy, encoding="utf-8")
    (said,) = [line for line in unset.dnf("remove", PACKAGE) if not line.startswith("warning: /etc/condor-kvm-stage/")]
    (kept,) = unset.path("/etc/condor-kvm-stage").glob("50-*.rpmsave")
    assert said == f"{SNIPPET} has been edited; kept as /etc/condor-kvm-stage/{kept.name}"
    assert kept.read_text(encoding="utf-8") == text
    assert unset.path(f"{POLICY}.rpmsave").read_text(encoding="utf-8") == policy
    directory = "/etc/condor-kvm-stage"
    assert files_of(node) - before == {directory, f"{directory}/{kept.name}", f"{POLICY}.rpmsave"}
    unset.wait_until_as_before()


def test_edited_snippet_is_kept_even_where_python_is_broken(unset: Worker) -> None:
    unset.install()
    unset.path(SNIPPET).write_text("MY_OWN_SETTING = 1\n", encoding="utf-8")
    unset.node.run("mv /usr/bin/python3 /usr/bin/python3.away")
    try:
        unset.node.run(["rpm", "--erase", PACKAGE])
    finally:
        unset.node.run("mv /usr/bin/python3.away /usr/bin/python3")
    kept = unset.path("/etc/condor-kvm-stage/50-condor-kvm-stage.conf.rpmsave")
    assert kept.read_text(encoding="utf-8") == "MY_OWN_SETTING = 1\n"
    assert not unset.path(SNIPPET).exists()


def test_unit_that_failed_is_not_tried_again_and_forgotten(unset: Worker) -> None:
    unset.install()
    unset.path(POLICY).write_text("[vm]\nmemroy = 1\n", encoding="utf-8")
    assert unset.node.run(["systemctl", "restart", PACKAGE], check=False).returncode == 1
    state = ["systemctl", "show", "--property=SubState", "--value", PACKAGE]
    assert unset.node.run(state).stdout == "auto-restart\n"
    unset.dnf("remove", PACKAGE)
    assert unset.node.run(state).stdout == "dead\n"
    assert unset.node.run("systemctl --failed --plain --no-legend").stdout == ""


@pytest.mark.guest
def test_htcondor_under_another_units_name_gives_up_vm_universe_too(unset: Worker) -> None:
    node = unset.node
    node.run("systemctl stop condor", timeout=90)
    node.run("systemd-run --quiet --unit=htcondor-site condor_master -f")
    try:
        unset.install()
        unset.wait_until_advertises(HasVM=True)
        unset.dnf("remove", PACKAGE)
        unset.wait_until_as_before()
    finally:
        node.run("systemctl stop htcondor-site", timeout=90)
        node.run("systemctl start condor", timeout=90)


@pytest.mark.guest
@pytest.mark.full
def test_virtual_machine_that_runs_is_left_alone_to_its_end(unset: Worker) -> None:
    node = unset.node
    unset.install()
    unset.wait_until_advertises(HasVM=True)
    job = pool.submit(node, "vm-job.sub", jobs.VM_JOB)
    log = unset.path(f"/home/{recipe.USER}/{jobs.VM_JOB_LOG}")
    # not before its disk is staged: a job whose plug-in goes away then waits for another node
    node.wait_until(lambda: _EXECUTING in log.read_text(encoding="utf-8"), "the job starts", 60)
    # nor before HTCondor has asked for its definition: the program that says it goes away, too
    node.wait_until(lambda: bool(node.run("virsh list --name").stdout.strip()), "the virtual machine runs", 60)
    assert unset.dnf("remove", PACKAGE) == []
    assert pool.job_ad(node, job)["JobStatus"] == pool.RUNNING
    events = pool.wait_for_end(node, jobs.VM_JOB_LOG, 240)
    assert "Normal termination (return value 0)" in events
    assert events.count(_EXECUTING) == 1, "it was not started again"
    overlay = f"/home/{recipe.USER}/{jobs.VM_JOB_DISK}"
    assert [image["filename"] for image in evidence.backing_chain(node, overlay)] == [overlay, jobs.BASE]
    unset.wait_until_as_before()
