"""--apply on a real worker: at installation, at boot, beside jobs, and when the host or its policy changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from testnode import jobs, node, pool, site, stages
from testnode.node import Node

SNIPPET = "/etc/condor/config.d/50-condor-kvm-stage.conf"
APPLY = "condor-kvm-stage-genconfig --apply"
# As a scriptlet under rpm's plug-in `unshare` runs it: the unit does it, confined as it is
APPLY_WITHOUT_NETWORK = f"unshare --net {APPLY}"
RESTART = "condor_restart -startd -peaceful"
RUNNING = 2  # JobStatus


@pytest.fixture(scope="module")
def fresh() -> Iterator[stages.Installed]:
    """A node of our own after `dnf install`."""
    with node.running() as worker:
        bare = stages.make_bare(worker)
        # The master waits the longer the oftener a daemon starts; here that is often
        setting = worker.root / "etc/condor/config.d/20-restarts.conf"
        setting.write_text("MASTER_BACKOFF_CEILING = 2\n", encoding="utf-8")
        worker.run("condor_reconfig")
        yield stages.install(bare)


@pytest.fixture
def own(fresh: stages.Installed) -> Iterator[Node]:
    """The node, idle, with the policy that the package brings; it becomes so again after the test."""
    yield fresh.node
    fresh.node.wait_until(lambda: pool.transfer_methods(fresh.node) != set(), "HTCondor runs", 60)
    fresh.node.run(APPLY, timeout=150)


def rendered_memory(worker: Node) -> int:
    """Return the VM_MEMORY that the generator calls for."""
    found = re.search(r"^VM_MEMORY = (\d+)$", worker.run("condor-kvm-stage-genconfig --stdout").stdout, re.MULTILINE)
    assert found
    return int(found[1])


def offered_memory(worker: Node) -> int | None:
    """Return the MiB that the node's slot offers to virtual machines, None for no VM universe or no slot."""
    slot = pool.slot_ad(worker)
    return int(slot["VM_Memory"]) if slot.get("HasVM") is True else None


def wait_for_memory(worker: Node, memory: int) -> None:
    worker.wait_until(lambda: offered_memory(worker) == memory, f"the slot offers {memory} MiB", 90)


def snippet(worker: Node) -> str:
    return (worker.root / SNIPPET.lstrip("/")).read_text(encoding="utf-8")


def reboot(worker: Node) -> None:
    worker.reboot()
    pool.wait_for_slot(worker)


def is_claimed(worker: Node) -> bool:
    """Return whether the collector has a slot of the node's that runs a job, or is kept for further ones."""
    return "Claimed" in worker.run("condor_status -af State").stdout.split()


class Job:
    """A job that runs until it is told to end."""

    def __init__(self, worker: Node, name: str) -> None:
        self.worker, self.name = worker, name
        wait = f"/bin/sh \"-c 'while test ! -e /srv/{name}.end; do sleep 0.2; done'\""
        self.cluster = pool.submit(worker, f"{name}.sub", jobs.staging_job("", name, command=wait))
        worker.wait_until(lambda: self._ad().get("JobStatus") == RUNNING, f"job {name} runs", 60)
        worker.wait_until(lambda: is_claimed(worker), "the collector knows of that", 60)
        self.start = self._ad()["JobStartDate"]

    def _ad(self) -> pool.Ad:
        return pool.job_ad(self.worker, self.cluster)

    def end(self) -> None:
        """Let it end, and check that nothing disturbed it."""
        (self.worker.root / f"srv/{self.name}.end").touch()
        events = pool.wait_for_end(self.worker, f"{self.name}.log", 60)
        assert "Normal termination (return value 0)" in events
        (ad,) = json.loads(self.worker.run(f"condor_history -json {self.cluster}").stdout)
        assert (ad["NumJobStarts"], ad["JobStartDate"]) == (1, self.start)


@pytest.mark.guest
def test_fresh_installation_ends_with_vm_universe_without_a_manual_step(fresh: stages.Installed) -> None:
    memory = rendered_memory(fresh.node)
    assert f"HasVM = true, VM_Memory = {memory}, staging by nfs:// = true." in fresh.output
    assert offered_memory(fresh.node) == memory


@pytest.mark.guest
def test_upgrade_leaves_a_running_job_alone_and_says_what_is_pending(own: Node) -> None:
    before = rendered_memory(own)
    job = Job(own, "upgrade")
    with site.policy(own, '[vm]\nmemory = "1G"\n'):
        upgrade = own.run("dnf --assumeyes reinstall condor-kvm-stage", timeout=150).stdout
        again = own.run(APPLY).stdout
        for output in (upgrade, again):
            assert f"Pending until the startd starts again: VM_Memory is {before}, and is to be 1024." in output
            assert "jobs run on it (slot1_1@worker)" in output
            assert RESTART in output
        check = own.run("condor-kvm-stage-genconfig --check", check=False).stdout
        assert f"restart needed: VM_Memory is {before}, and is to be 1024 (it runs jobs: slot1_1@worker)" in check
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
        assert "The startd starts again when its jobs (slot1_1@worker) have finished" in output
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
        assert re.search(r"^fail  kvm +device +cannot open /dev/kvm: No such file", check.stdout, re.MULTILINE)
    finally:
        (own.devices / "kvm.away").rename(own.devices / "kvm")
    reboot(own)
    assert memory is not None
    wait_for_memory(own, memory)


@pytest.mark.parametrize("command", [APPLY, APPLY_WITHOUT_NETWORK])
def test_edited_snippet_is_reported_and_kept_where_htcondor_does_not_read_it(own: Node, command: str) -> None:
    text = snippet(own) + "MY_OWN_SETTING = 1\n"
    (own.root / SNIPPET.lstrip("/")).write_text(text, encoding="utf-8")
    assert own.run("condor_config_val MY_OWN_SETTING").stdout == "1\n"
    lines = own.run(command).stdout.splitlines()
    kept = re.search(r"has been edited, and is replaced; kept as (\S+)", lines[0])
    assert kept
    assert lines[1] == f"wrote {SNIPPET}"
    assert (own.root / kept[1].lstrip("/")).read_text(encoding="utf-8") == text
    assert "MY_OWN_SETTING" not in snippet(own)
    assert own.run("condor_config_val MY_OWN_SETTING", check=False).returncode == 1


def test_one_file_switches_the_boot_unit_off(own: Node) -> None:
    before = snippet(own)
    own.run("touch /etc/condor-kvm-stage/disabled")
    try:
        with site.policy(own, '[vm]\nmemory = "3G"\n'):
            reboot(own)
            assert snippet(own) == before
            own.run("dnf --assumeyes reinstall condor-kvm-stage", timeout=150)
            assert snippet(own) == before
            said = own.run(APPLY_WITHOUT_NETWORK).stdout
            assert said == (
                "condor-kvm-stage.service is switched off (/etc/condor-kvm-stage/disabled): nothing is changed\n"
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


def test_unit_can_show_htcondor_who_it_is_by_the_file_system_alone(own: Node) -> None:
    """A worker that has no key to make tokens with: its tools make a directory in /tmp, its daemons look at it."""
    setting = own.root / "etc/condor/config.d/99-authentication.conf"
    setting.write_text("SEC_DEFAULT_AUTHENTICATION_METHODS = FS\n", encoding="utf-8")
    try:
        own.run("systemctl restart condor", timeout=90)
        pool.wait_for_slot(own)
        output = own.run(APPLY_WITHOUT_NETWORK, timeout=90).stdout
    finally:
        setting.unlink()
        own.run("systemctl restart condor", timeout=90)
    assert "HTCondor advertises for this node: " in output


def test_share_that_hangs_is_told_by_the_plugin_and_does_not_hang_the_unit(own: Node) -> None:
    images = f'[staging]\nimage_dirs = ["/srv/images", "{site.HANGING}"]\ntimeout = 3\n'
    with site.policy(own, images), site.hanging_share(own):
        own.run(APPLY_WITHOUT_NETWORK, timeout=30)
        told = own.run("/usr/local/bin/vm-nfs-plugin -classad").stdout
    assert 'NfsPluginImageDirs = "/srv/images"\n' in told
    assert f'NfsPluginImageDirsFailed = "{site.HANGING}"\n' in told


def test_node_offers_nfs_only_while_the_canary_image_can_be_staged(own: Node) -> None:
    image, away = jobs.BASE, f"{jobs.BASE}.away"

    def offers_nfs() -> bool:
        return "nfs" in pool.transfer_methods(own)

    with site.policy(own, f'[staging]\ncanary_image = "{image}"\n[htcondor]\nwait = 10\n'):
        own.run(APPLY)
        assert f"NFS_TEST_URL = nfs://{image}:" in snippet(own)
        assert offers_nfs()
        own.run(["mv", image, away])
        try:
            own.run("condor_reconfig")
            own.wait_until(lambda: not offers_nfs(), "the node offers nfs no more", 60)
            failed = own.run(APPLY, check=False, timeout=90)
            assert failed.returncode == 1
            assert "nfs is not among the transfer methods" in failed.stderr
        finally:
            own.run(["mv", away, image])
        own.run("condor_reconfig")
        own.wait_until(offers_nfs, "the node offers nfs again", 60)


@pytest.mark.guest
def test_htcondor_that_systemd_does_not_run_takes_it_up_too(own: Node) -> None:
    """As in a container: the master runs by itself, and systemd cannot be spoken to."""
    own.run("systemctl stop condor", timeout=90)
    try:
        own.run(["sh", "-c", "condor_master > /dev/null 2>&1"])
        pool.wait_for_slot(own)
        with site.policy(own, '[vm]\nmemory = "1G"\n'):
            hidden = ["mount -t tmpfs tmpfs /run/systemd", "mount -t tmpfs tmpfs /run/dbus", APPLY]
            output = own.run(["unshare", "--mount", "sh", "-ec", "; ".join(hidden)], timeout=90).stdout
        assert "VM_Memory = 1024" in output
        assert offered_memory(own) == 1024
    finally:
        own.run("condor_off -daemon master", check=False)
        own.wait_until(lambda: own.run("pgrep condor_master", check=False).returncode == 1, "the master ends", 60)
        own.run("systemctl start condor")


@pytest.mark.guest
def test_stopped_htcondor_takes_it_up_when_it_starts(own: Node) -> None:
    own.run("systemctl stop condor", timeout=90)
    try:
        with site.policy(own, '[vm]\nmemory = "1G"\n'):
            output = own.run(APPLY).stdout
        assert output == f"wrote {SNIPPET}\nHTCondor does not run; it takes this up when it starts.\n"
    finally:
        own.run("systemctl start condor")
    wait_for_memory(own, 1024)
