"""--apply on a real worker beside jobs: none is disturbed, and the policy says when the startd starts again."""

from __future__ import annotations

import pytest

from e2e.apply.worker import APPLY, RESTART, Job, is_claimed, offered_memory, rendered_memory, wait_for_memory
from testnode import site
from testnode.node import Node


@pytest.mark.guest
def test_upgrade_leaves_a_running_job_alone_and_says_what_is_pending(own: Node) -> None:
    before = rendered_memory(own)
    job = Job(own, "upgrade")
    with site.policy(own, '[vm]\nmemory = "1G"\n'):
        upgrade = own.run("dnf --assumeyes reinstall condor-kvm-stage", timeout=150).stdout
        again = own.run(APPLY).stdout
        for output in (upgrade, again):
            assert f"Pending until the startd restarts: VM_Memory is {before}, and is to be 1024." in output
            assert "jobs run on it (slot1_1@worker)" in output
            assert RESTART in output
        check = own.run("condor-kvm-stage-genconfig --check", check=False).stdout
        assert f"restart needed: VM_Memory is {before}, and is to be 1024 (jobs run on it: slot1_1@worker)" in check
        assert offered_memory(own) == before
        job.end()
        own.wait_until(lambda: not is_claimed(own), "the schedd keeps no slot", 60)
        assert "VM_Memory = 1024" in own.run(APPLY, timeout=90).stdout
        assert offered_memory(own) == 1024


@pytest.mark.guest
def test_startd_starts_again_after_its_jobs_where_the_policy_says_so(own: Node) -> None:
    job = Job(own, "peaceful")
    with site.policy(own, '[vm]\nmemory = "1G"\n[htcondor]\nrestart = "peaceful"\n'):
        output = own.run(APPLY).stdout
        assert "The startd restarts when its jobs (slot1_1@worker) have finished" in output
        job.end()
        wait_for_memory(own, 1024)


@pytest.mark.guest
def test_startd_is_not_started_again_where_the_policy_forbids_it(own: Node) -> None:
    before = rendered_memory(own)
    with site.policy(own, '[vm]\nmemory = "1G"\n[htcondor]\nrestart = "never"\n'):
        output = own.run(APPLY).stdout
        assert f"VM_Memory is {before}, and is to be 1024" in output
        assert "because the policy says so" in output
        assert offered_memory(own) == before
        assert RESTART in output
        own.run(RESTART)
        wait_for_memory(own, 1024)
