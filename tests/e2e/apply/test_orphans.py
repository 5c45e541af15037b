"""Virtual machines and directories that jobs have left, on a real worker: found by --check, removed by --apply."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from e2e.apply.worker import APPLY, APPLY_WITHOUT_NETWORK
from testnode import guest, jobs, pool, recipe, stages
from testnode.node import Node

pytestmark = pytest.mark.guest

VIRSH = "virsh --quiet --connect qemu:///system"
DOMAIN = """<domain type='kvm'><name>{name}</name><memory unit='MiB'>32</memory><metadata>{metadata}</metadata>
<os><type>hvm</type></os></domain>"""
MARK = "<job xmlns='urn:condor-kvm-stage:job' scratch='/x/scratch' starter='{starter}' started='{started}'/>"
NOBODYS = 1 << 22  # no process has an id as high as that
EXECUTE = "/var/lib/condor/execute"
# HTCondor's own definition, with the metadata of the domain builder's; without a CPU with which QEMU 10.0 may not start
SCRIPT = r"""#!/bin/sh
definition=$("$(condor_config_val LIBEXEC)/libvirt_simple_script.awk") || exit 1
scratch=${VMGAHP_WORKING_DIR%/scratch}
starter=${scratch##*/dir_}
started=$(sed 's/.*) //' "/proc/$starter/stat" | cut -d ' ' -f 20)
mark="<job xmlns='urn:condor-kvm-stage:job' scratch='$VMGAHP_WORKING_DIR' starter='$starter' started='$started'/>"
printf '%s\n' "$definition" | sed "s|</name>|&<metadata>$mark</metadata>|; s|<cpu mode='host-passthrough'/>||"
"""
# cli; hlt; jmp: a guest that runs until it is destroyed
IDLE_IMAGE = "/srv/images/idle.raw"


def running(worker: Node) -> set[str]:
    return set(worker.run(f"{VIRSH} list --name").stdout.split())


def check(worker: Node) -> tuple[str, str]:
    """The level of the check, and what it found."""
    document = json.loads(worker.run("condor-kvm-stage-genconfig --check --json", check=False).stdout)
    (found,) = [entry for entry in document["checks"] if entry["name"] == "orphans"]
    return found["level"], found["found"]


@pytest.fixture
def domains(own: Node) -> Iterator[Node]:
    """The node with five virtual machines: of two jobs that are gone, of one that lives, of none, and of an odd one."""
    own.run("systemd-run --quiet --collect --unit=living sleep 600")
    living = own.run("systemctl show --property=MainPID --value living").stdout.strip()
    stat = own.run(f"cat /proc/{living}/stat").stdout
    began = int(stat.rpartition(")")[2].split()[19])
    marks = {
        "gone": MARK.format(starter=NOBODYS, started=began),
        "living": MARK.format(starter=living, started=began),
        "other-process": MARK.format(starter=living, started=began + 1),
        "alice_worker_7.0": "",
        "odd": MARK.format(starter="none", started=began),
    }
    try:
        for name, metadata in marks.items():
            (own.root / "root/domain.xml").write_text(DOMAIN.format(name=name, metadata=metadata), encoding="utf-8")
            own.run(f"{VIRSH} create /root/domain.xml")
        yield own
    finally:
        for name in running(own):
            own.run(f"{VIRSH} destroy {name}", check=False)
        own.run("systemctl stop living", check=False)


def test_only_virtual_machines_of_jobs_that_are_gone_are_found_and_destroyed(domains: Node) -> None:
    level, found = check(domains)
    assert (level, found) == ("warn", "virtual machines of jobs that have ended still run: gone, other-process")
    # By the unit, confined as it is
    said = domains.run(APPLY_WITHOUT_NETWORK, timeout=90).stdout
    destroyed = re.findall(r"^Destroyed the virtual machine (\S+) \([0-9a-f-]{36}\): .* is gone$", said, re.MULTILINE)
    assert destroyed == ["gone", "other-process"]
    assert running(domains) == {"living", "alice_worker_7.0", "odd"}
    assert "irtual machine" not in domains.run(APPLY, timeout=90).stdout.replace("HasVM", "")
    assert running(domains) == {"living", "alice_worker_7.0", "odd"}
    level, found = check(domains)
    assert level == "warn"
    assert found.startswith("cannot tell which job the virtual machine odd belongs to: starter is not a process id")


def test_starter_that_ends_makes_an_orphan(domains: Node) -> None:
    domains.run("systemctl stop living")
    assert check(domains)[1].endswith(": gone, living, other-process")
    said = domains.run(f"{APPLY} --quiet", timeout=90).stdout
    assert said.count("Destroyed the virtual machine ") == 3, "an administrator is told"
    assert running(domains) == {"alice_worker_7.0", "odd"}


def test_libvirt_that_does_not_run_fails_nothing(own: Node) -> None:
    own.run("systemctl stop libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service")
    try:
        assert check(own)[0] == "n/a"
        assert own.run(APPLY, timeout=90).returncode == 0
    finally:
        own.run("systemctl start libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket")


@pytest.mark.parametrize("command", [APPLY, APPLY_WITHOUT_NETWORK])
def test_directories_of_jobs_that_are_gone_are_removed(own: Node, command: str) -> None:
    left, kept = (f"{EXECUTE}/dir_{NOBODYS + number}.condor-kvm-stage" for number in range(2))
    for directory in (left, kept):
        own.run(["mkdir", "--mode=0711", directory])
        own.run(["touch", f"{directory}/disk.qcow2"])
        own.run(["chown", recipe.USER, f"{directory}/disk.qcow2"])
        own.run(["mkfifo", f"{directory}/console.out"])
    own.run(["mkdir", kept.removesuffix(".condor-kvm-stage")])
    try:
        assert f"Removed {left}, left by a job that has ended\n" in own.run(command, timeout=90).stdout
        there = own.run(["find", EXECUTE, "-name", "*.condor-kvm-stage"]).stdout.split()
        assert there == [kept]
        assert own.run(["ls", kept]).stdout.split() == ["console.out", "disk.qcow2"]
    finally:
        own.run(["rm", "--recursive", "--force", left, kept, kept.removesuffix(".condor-kvm-stage")])


def start_job(worker: Node, name: str) -> str:
    """Start the example's job with a guest that does not end. Returns its virtual machine's name."""
    stages.wait_for_vm_universe(worker, True)
    (worker.root / "usr/local/bin/marked-definition").write_text(SCRIPT, encoding="utf-8")
    (worker.root / "usr/local/bin/marked-definition").chmod(0o755)
    setting = worker.root / "etc/condor/config.d/60-definition.conf"
    setting.write_text("LIBVIRT_XML_SCRIPT = /usr/local/bin/marked-definition\n", encoding="utf-8")
    guest.write_idle(worker.root / IDLE_IMAGE.lstrip("/"))
    description = jobs.VM_JOB.replace(jobs.BASE, IDLE_IMAGE).replace(jobs.VM_JOB_LOG, f"{name}.log")
    # It does not start a second time
    once = "requirements = NumJobStarts =?= undefined || NumJobStarts == 0\nqueue"
    cluster = pool.submit(worker, f"{name}.sub", description.replace("queue", once))
    domain = f"{recipe.USER}_{recipe.HOSTNAME}_{cluster}.0"
    # Not while libvirt starts it: without its files, which go with the starter, it would not start
    started = f"{VIRSH} list --state-running --name"
    worker.wait_until(lambda: domain in worker.run(started).stdout.split(), "the job's virtual machine runs", 90)
    return domain


def tidy_up(worker: Node) -> None:
    worker.run("condor_rm -all", check=False)
    (worker.root / "etc/condor/config.d/60-definition.conf").unlink()
    worker.run(["rm", IDLE_IMAGE])
    for name in running(worker):
        worker.run(f"{VIRSH} destroy {name}", check=False)


def test_what_a_killed_starter_of_htcondor_23_leaves_is_destroyed(old: Node) -> None:
    """HTCondor 25 sees to it itself. With vm-gahp and filter: either would destroy the virtual machine."""
    domain = start_job(old, "killed")
    try:
        # A process's name has 15 characters
        old.run(["pkill", "-KILL", "-x", "condor_starter|condor-kvm-stag|condor_vm-gahp"])
        assert check(old) == ("warn", f"virtual machines of jobs that have ended still run: {domain}")
        assert f"Destroyed the virtual machine {domain} (" in old.run(APPLY, timeout=90).stdout
        assert running(old) == set()
    finally:
        tidy_up(old)


def test_what_a_killed_htcondor_leaves_is_destroyed_before_its_next_start(own: Node) -> None:
    domain = start_job(own, "all-killed")
    try:
        own.run("systemctl kill --signal=KILL condor")
        own.run("systemctl stop condor", timeout=90)
        assert running(own) == {domain}
        own.run("systemctl start condor", timeout=90)
        said = own.run("journalctl --boot --output=cat --unit=condor-kvm-stage").stdout
        assert f"Destroyed the virtual machine {domain} (" in said
        assert running(own) == set()
    finally:
        own.run("systemctl reset-failed condor", check=False)
        own.run("systemctl start condor", timeout=90)
        pool.wait_for_slot(own)
        tidy_up(own)
