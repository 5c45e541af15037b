"""The snippet's text: what HTCondor reads, and what it ignores; the layout of comments.

How it looks as a whole on each host is in the corpus (../checks/test_recorded_hosts.py); how it is put in
place, in test_file.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jinja2
import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.genconfig.snippet import checksum, render, start_guard
from condor_kvm_stage.genconfig.snippet.network import Offer
from condor_kvm_stage.genconfig.snippet.sizing import Sizing
from condor_kvm_stage.genconfig.snippet.values import Values
from support.snippet_text import rendered

# By which the filter has a job put on hold: test_hold_policy.py
HOLD = {"KVMSTAGE_ASKED", "KVMSTAGE_ASKED_JOB", "KVMSTAGE_REASON", "KVMSTAGE_HOLD", "PREEMPT", "MAXJOBRETIREMENTTIME"}
HOLD |= {"WANT_HOLD", "WANT_HOLD_REASON", "WANT_HOLD_SUBCODE"}
PLUGIN = "/usr/local/bin/vm-nfs-plugin"
VALUES = Values(
    no_vm="",
    host=["64000 MiB of memory", "HTCondor's slots have 4 CPUs"],
    size=Sizing(60288, 4, 3200, 512),
    network=Offer(("nat",), {}),
    plugin=PLUGIN,
    canary="",
    guard=start_guard.attributes([]),
)
WATCH = {
    "STARTD_CRON_JOBLIST": "$(STARTD_CRON_JOBLIST) KVMSTAGE",
    "STARTD_CRON_KVMSTAGE_EXECUTABLE": "/usr/libexec/condor-kvm-stage/condor-kvm-stage-health",
    "STARTD_CRON_KVMSTAGE_ARGS": "--publish",
    "STARTD_CRON_KVMSTAGE_PREFIX": "KvmStage",
    "STARTD_CRON_KVMSTAGE_PERIOD": "60",
}
VARIANTS = {
    "plain": VALUES,
    "unguarded": replace(VALUES, guarded=False),
    "unfiltered": replace(VALUES, filtered=False),
    "canary": replace(VALUES, canary="nfs:///srv/images/canary.qcow2:canary.qcow2"),
    "no VM universe": replace(VALUES, no_vm="cannot open /dev/kvm: No such file or directory " + "and more " * 20),
    "fixed": replace(VALUES, size=Sizing(4096, 2, fixed=True, cap="the host's memory, 4096 MiB")),
    "capped": replace(VALUES, size=replace(VALUES.size, cap="the control group's limit, 60288 MiB")),
    "networks": replace(VALUES, network=Offer(("nat", "user", "bridge"), {}, "br0")),
    "no network": replace(VALUES, network=Offer((), {"nat": "libvirt's network 'default' is not active " * 4})),
    "long host": replace(VALUES, host=["64000 MiB of memory, 126976 MiB of them reserved for huge pages " * 3]),
    "directories": replace(VALUES, guard=start_guard.attributes([f"/srv/disks{n}" for n in range(20)])),
}


def test_name_that_the_template_does_not_get_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{Path(installed.SNIPPET).name}.j2").write_text("VM_MEMORY = {{ size.memroy }}\n")
    monkeypatch.setattr(render, "_TEMPLATES", tmp_path)
    with pytest.raises(jinja2.UndefinedError):
        render.render(VALUES)


def test_htcondor_gets_these_settings_and_no_others() -> None:
    found = rendered(VARIANTS["plain"])
    rules, start = found.pop("VmJobRules"), found.pop("START")
    conditions = {name: found.pop(name) for name in VALUES.guard}
    assert {found.pop(name) for name in HOLD}
    assert found == {
        "ENABLE_URL_TRANSFERS": "True",
        "FILETRANSFER_PLUGINS": f"$(FILETRANSFER_PLUGINS), {PLUGIN}",
        "VM_TYPE": "kvm",
        "VM_GAHP_SERVER": "/usr/libexec/condor-kvm-stage/condor-kvm-stage-gahp",
        "VM_GAHP_LOG": "$(LOG)/VMGahpLog",
        "VM_GAHP_DEBUG": "$(VM_GAHP_DEBUG) D_PID",
        "VM_RECHECK_INTERVAL": "60",
        "VM_STATUS_INTERVAL": "30",
        "LIBVIRT_XML_SCRIPT": "/usr/libexec/condor-kvm-stage/condor-kvm-stage-domain",
        "VM_GAHP_SEND_ALL_CLASSAD": "False",
        "VM_SOFT_SUSPEND": "True",
        "KVMSTAGE_HOOK_PREPARE_JOB": "/usr/libexec/condor-kvm-stage/condor-kvm-stage-prepare",
        "STARTER_DEFAULT_JOB_HOOK_KEYWORD": "KVMSTAGE",
        "VM_MEMORY": "60288",
        "VM_MAX_NUMBER": "4",
        "VM_NETWORKING": "True",
        "VM_NETWORKING_TYPE": "nat",
        "VM_NETWORKING_DEFAULT_TYPE": "nat",
        **WATCH,
        "STARTD_ATTRS": f"$(STARTD_ATTRS), VmJobRules, {', '.join(VALUES.guard)}",
    }
    assert rules == f'"{start_guard.RULES}"', "a string of ClassAds, in which there is no other quote"
    assert '"' not in start_guard.RULES
    assert conditions == VALUES.guard
    assert start == f"($(START)) && {start_guard.start(list(VALUES.guard))}", "it adds to what the site has"


def test_site_that_has_hooks_of_its_own_keeps_them() -> None:
    lines = render.render(VARIANTS["plain"]).splitlines()
    begin = lines.index("if ! defined STARTER_DEFAULT_JOB_HOOK_KEYWORD")
    assert lines[begin + 1 : begin + 3] == ["STARTER_DEFAULT_JOB_HOOK_KEYWORD = KVMSTAGE", "endif"]


def test_policy_can_leave_the_definition_of_virtual_machines_to_htcondor() -> None:
    found, guarded = rendered(VARIANTS["unguarded"]), rendered(VARIANTS["plain"])
    assert {name for name in guarded if name not in found} == {
        "LIBVIRT_XML_SCRIPT",
        "VM_GAHP_SEND_ALL_CLASSAD",
        "VM_SOFT_SUSPEND",
        "KVMSTAGE_HOOK_PREPARE_JOB",
        "STARTER_DEFAULT_JOB_HOOK_KEYWORD",
    }
    assert {name: guarded[name] for name in found} == found, "the end of a guest is noticed as soon"


def test_policy_can_leave_the_vm_gahp_to_htcondor() -> None:
    found, filtered = rendered(VARIANTS["unfiltered"]), rendered(VARIANTS["plain"])
    assert set(filtered) - set(found) == {*HOLD, "VM_GAHP_DEBUG"}
    assert found == {**{name: filtered[name] for name in found}, "VM_GAHP_SERVER": "$(SBIN)/condor_vm-gahp"}


def test_node_without_kvm_still_stages_images() -> None:
    values = replace(VALUES, no_vm="cannot open /dev/kvm: No such file or directory", canary="nfs:///c:canary.qcow2")
    found = rendered(values)
    guard_of_a_startd_that_still_has_vm_universe = {*VALUES.guard, "VmJobRules", "STARTD_ATTRS", "START"}
    assert guard_of_a_startd_that_still_has_vm_universe <= set(found)
    assert {name: found[name] for name in found if name not in guard_of_a_startd_that_still_has_vm_universe} == {
        "ENABLE_URL_TRANSFERS": "True",
        "FILETRANSFER_PLUGINS": f"$(FILETRANSFER_PLUGINS), {PLUGIN}",
        "NFS_TEST_URL": "nfs:///c:canary.qcow2",
        **WATCH,
    }
    assert f"# VM_TYPE is left out, so this node offers no VM universe: {values.no_vm}.\n" in render.render(values)


def test_canary_is_the_url_that_htcondor_tries() -> None:
    assert "NFS_TEST_URL" not in rendered(VARIANTS["plain"])
    assert rendered(VARIANTS["canary"])["NFS_TEST_URL"] == "nfs:///srv/images/canary.qcow2:canary.qcow2"


def test_first_network_is_the_default_and_a_bridge_has_its_interface() -> None:
    found = rendered(VARIANTS["networks"])
    assert found["VM_NETWORKING"] == "True"
    assert found["VM_NETWORKING_TYPE"] == "nat, user, bridge"
    assert found["VM_NETWORKING_DEFAULT_TYPE"] == "nat"
    assert found["VM_NETWORKING_BRIDGE_INTERFACE"] == "br0"


def test_node_without_networks_says_why_and_sets_no_type() -> None:
    values = replace(VALUES, network=Offer((), {"nat": "not active", "user": "no passt"}))
    found = rendered(values)
    assert {name: value for name, value in found.items() if "NETWORKING" in name} == {"VM_NETWORKING": "False"}
    text = render.render(values)
    assert "# No network of type nat: not active\n# No network of type user: no passt\n" in text


@pytest.mark.parametrize("name", VARIANTS)
def test_text_is_fit_for_htcondor_and_for_people(name: str) -> None:
    text = render.render(VARIANTS[name])
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    for line in text.splitlines():
        assert line == line.rstrip()
        assert line.isprintable()
        if line.startswith("#"):
            assert len(line) <= 120, line
        assert len(line) < 100_000, "HTCondor 23 and 25 have been seen to read lines of that length"


def test_comments_that_are_wrapped_fill_their_lines() -> None:
    lines = render.render(VARIANTS["no VM universe"]).splitlines()
    begin = next(number for number, line in enumerate(lines) if "VM_TYPE is left out" in line)
    assert len(lines[begin]) > 100
    assert lines[begin + 1].startswith("# ")
    text = render.render(VARIANTS["long host"])
    assert text.count("\n#   ") == 2, "continued as it began"


@pytest.mark.parametrize(
    ("name", "comment"),
    [
        ("plain", "# MiB for all virtual machines together. 3200 MiB stay with the host, 512 MiB with QEMU."),
        (
            "fixed",
            "# MiB for all virtual machines together: vm.memory in the policy; limited by the host's memory, 4096",
        ),
        (
            "capped",
            "# MiB for all virtual machines together. 3200 MiB stay with the host, 512 MiB with QEMU; limited by",
        ),
    ],
)
def test_memory_is_explained(name: str, comment: str) -> None:
    assert comment in render.render(VARIANTS[name])


@pytest.mark.parametrize("name", VARIANTS)
def test_last_line_is_the_checksum_of_the_rest(name: str) -> None:
    text = render.render(VARIANTS[name])
    assert checksum.holds(text)
    assert not checksum.holds(text.replace("ENABLE_URL_TRANSFERS = True", "ENABLE_URL_TRANSFERS = False"))
    assert text.splitlines()[-1].startswith("# ")
