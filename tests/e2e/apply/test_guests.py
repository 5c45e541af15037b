"""What --apply leaves to the programs that define virtual machines, on a real worker: libvirt takes it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from e2e.apply.worker import APPLY_WITHOUT_NETWORK
from testnode import site
from testnode.node import Node

pytestmark = pytest.mark.guest

FACTS = "run/condor-kvm-stage/guest"
VIRSH = "virsh --connect qemu:///system"


def facts(worker: Node) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((worker.root / FACTS).read_text(encoding="ascii"))
    return found


def starts(worker: Node, mode: str, without: list[str]) -> bool:
    """Whether libvirt starts a domain with a CPU, which it destroys at once."""
    features = "".join(f"<feature policy='disable' name='{name}'/>" for name in without)
    cpu = f"<cpu mode='{mode}'>{features}</cpu>" if mode else ""
    domain = f"<domain type='kvm'><name>cpu</name><memory unit='MiB'>32</memory>{cpu}<os><type>hvm</type></os></domain>"
    (worker.root / "root/cpu.xml").write_text(domain, encoding="ascii")
    return worker.run(f"{VIRSH} create --paused --autodestroy /root/cpu.xml", check=False).returncode == 0


def test_unit_leaves_what_libvirt_says_and_the_networks_of_the_snippet(starter: Node) -> None:
    (starter.root / FACTS).unlink()
    starter.run(APPLY_WITHOUT_NETWORK, timeout=90)
    found = facts(starter)
    models = re.findall(r"<secmodel>\s*<model>(\w+)</model>", starter.run(f"{VIRSH} capabilities").stdout)
    assert found["security_models"] == [model for model in models if model != "none"]
    assert found["ide"] is ("<value>ide</value>" in starter.run(f"{VIRSH} domcapabilities").stdout)
    q35 = starter.run(f"{VIRSH} domcapabilities --machine q35").stdout
    assert found["uefi"] is ("<value>efi</value>" in q35)
    snippet = (starter.root / site.SNIPPET.lstrip("/")).read_text(encoding="utf-8")
    types = re.search(r"^VM_NETWORKING_TYPE = (.*)$", snippet, re.MULTILINE)
    assert found["networks"] == (types[1].split(", ") if types else [])
    assert (starter.root / FACTS).stat().st_mode & 0o777 == 0o644, "jobs' users read it, too"


def test_guest_starts_with_the_cpu_that_was_found_and_not_with_more(starter: Node) -> None:
    found = facts(starter)
    assert starts(starter, found["cpu_mode"], found["cpu_without"])
    if found["cpu_without"] or not found["cpu_mode"]:
        assert not starts(starter, "host-passthrough", [])
    verdict = starter.run("condor-kvm-stage-genconfig --check", check=False).stdout
    level = re.search(r"^(\S+) +libvirt cpu: ", verdict, re.MULTILINE)
    assert level
    assert level[1] == ("ok" if (found["cpu_mode"], found["cpu_without"]) == ("host-passthrough", []) else "note")
    assert re.search(r"^ok +htcondor domain: ", verdict, re.MULTILINE)


def test_htcondor_runs_our_programs_unless_the_policy_says_otherwise(starter: Node) -> None:
    names = "LIBVIRT_XML_SCRIPT STARTER_DEFAULT_JOB_HOOK_KEYWORD KVMSTAGE_HOOK_PREPARE_JOB"
    before = starter.run(f"condor_config_val {names}").stdout.splitlines()
    directory = "/usr/libexec/condor-kvm-stage"
    assert before == [f"{directory}/condor-kvm-stage-domain", "KVMSTAGE", f"{directory}/condor-kvm-stage-prepare"]
    for program in (before[0], before[2]):
        starter.run(["test", "-x", program])
    try:
        with site.policy(starter, "[guest]\nguarded = false\n"):
            starter.run("condor-kvm-stage-genconfig --write")
            assert starter.run("condor_config_val LIBVIRT_XML_SCRIPT").stdout.endswith("/libvirt_simple_script.awk\n")
            assert not (starter.root / FACTS).exists()
            verdict = starter.run("condor-kvm-stage-genconfig --check", check=False).stdout
            assert re.search(r"^note +htcondor domain: as the policy says", verdict, re.MULTILINE)
    finally:
        starter.run("condor-kvm-stage-genconfig --write")
    assert (starter.root / FACTS).exists()


def test_site_that_has_hooks_of_its_own_keeps_them(starter: Node) -> None:
    own = starter.root / "etc/condor/config.d/20-hooks.conf"
    own.write_text("STARTER_DEFAULT_JOB_HOOK_KEYWORD = SITE\n", encoding="ascii")
    try:
        assert starter.run("condor_config_val STARTER_DEFAULT_JOB_HOOK_KEYWORD").stdout == "SITE\n"
        verdict = starter.run("condor-kvm-stage-genconfig --check", check=False).stdout
        assert re.search(r"^note +htcondor domain: .*STARTER_DEFAULT_JOB_HOOK_KEYWORD = SITE", verdict, re.MULTILINE)
    finally:
        own.unlink()
