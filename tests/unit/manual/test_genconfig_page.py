"""The generator's manual page says what it does: options, checks and their levels, JSON, statuses, files, VM jobs."""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
from pathlib import Path

import pytest

from condor_kvm_stage import guest_facts
from condor_kvm_stage.genconfig import checks, cli
from condor_kvm_stage.genconfig.checks import Check, Level, image_trials, report, run
from condor_kvm_stage.genconfig.checks.layout import Layout
from condor_kvm_stage.genconfig.probes import guest_support
from condor_kvm_stage.genconfig.snippet import file, start_guard, values
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.installed import (
    ATTEMPT,
    BUILDER,
    COPIES,
    GUEST_FACTS,
    HOOK,
    POLICY,
    RESTART,
    SLOT_ATTRIBUTES,
    SNIPPET,
    STAGING_CACHE,
    UNIT,
)
from condor_kvm_stage.policy.model import HtcondorPolicy, NetworkPolicy, Policy
from support import snippet_text
from support.fake_node import FakeNode
from support.manual_pages import Page, literals, terms
from support.recorded_hosts import HOSTS, RecordedHost, fix_what_does_not_go_through_host

NUMBERS = {7: "seven"}
REPOSITORY = Path(__file__).parents[3]
section = Page("condor-kvm-stage-genconfig.8").section


def actions() -> list[argparse.Action]:
    return cli._parser()._actions


def test_every_option_is_in_options_and_synopsis_with_its_argument_and_no_other() -> None:
    known = {option for action in actions() for option in action.option_strings}
    lines = re.findall(r"^(\*\*-.*)$", section("OPTIONS"), re.MULTILINE)
    options = [option for line in lines for option in re.findall(r"\*\*(-[\w-]+)\*\*", line)]
    assert sorted(options) == sorted(known)
    assert set(re.findall(r"\*\*(-[\w-]+)\*\*", section("SYNOPSIS"))) == known - {"-h"}
    for action in actions():
        if action.metavar:
            shown = f"[*{action.metavar}*]" if action.nargs == "?" else f"*{action.metavar}*"
            assert f"**{action.option_strings[0]}** {shown}" in lines
            assert f"**{action.option_strings[0]}** {shown}" in section("SYNOPSIS")


def test_levels_are_explained_in_their_order() -> None:
    assert re.findall(r"^\*([a-z/]+)\*$", section("CHECKS"), re.MULTILINE) == [level.value for level in Level]
    assert re.findall(r"^``level``\n    (.*)$", section("JSON"), re.MULTILINE) == [
        ", ".join(f'``"{level.value}"``' for level in list(Level)[:-1]) + f' or ``"{list(Level)[-1].value}"``'
    ]
    assert f"up to {NUMBERS[image_trials._MOST_TRIED - 1]} others" in section("CHECKS")
    quiet = re.findall(r"^\*\*--quiet\*\*\n.*looked at, \*(\w+)\* and \*(\w+)\*;", section("OPTIONS"), re.MULTILINE)
    assert quiet == [tuple(level.value for level in report._QUIET)]
    assert "*htcondor.patience*" in section("CHECKS")


def test_example_of_a_check_is_what_the_program_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    fix_what_does_not_go_through_host(monkeypatch)
    results = checks.evaluate(run.gather(RecordedHost(HOSTS / "execute-full")))
    lines = report.lines(results, Layout(width=68), verbosity=report.Verbosity.NORMAL)
    (example,) = literals(section("CHECKS"))
    printed = "".join(f"{line}\n" for line in lines)
    assert example == printed, f"write into the page:\n{printed}"


def test_json_has_the_keys_that_the_page_lists_and_looks_like_its_example() -> None:
    verdict = Check("images", "qemu-img", Level.FAIL, "no program qemu-img", "dnf install qemu-img")
    document = report.document([verdict])
    assert terms(section("JSON")) == [*document, *document["checks"][0]]
    (example,) = literals(section("JSON"))
    assert example == report.as_json([verdict])


def test_exit_statuses_are_those_that_it_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = FakeNode(tmp_path / "node")
    assert re.findall(r"^(\d+)$", section("EXIT STATUS"), re.MULTILINE) == ["0", "1", "2"]
    assert cli.main(["--stdout"], host) == 0
    assert cli.main(["--check"], host) == 1
    assert cli.main(["--root", str(tmp_path / "none"), "--write"]) == 1
    for wrong in (["--root", "/x", "--check"], ["--root", "/x", "--apply"], ["--json"], ["--quiet"], ["--diff", "x"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(wrong, host)
        assert caught.value.code == 2
    capsys.readouterr()


def test_networks_and_restarts_are_all_explained() -> None:
    assert terms(section("NETWORKS")) == list(NetworkPolicy.TYPES)
    assert terms(section("APPLYING")) == list(HtcondorPolicy.RESTARTS)
    assert f"``{RESTART}``" in section("APPLYING")
    assert UNIT in section("APPLYING")


def test_what_is_read_at_which_moment_is_what_the_snippet_sets() -> None:
    template = (REPOSITORY / "config.d" / f"{Path(SNIPPET).name}.j2").read_text(encoding="utf-8")
    said = section("APPLYING").partition("**--apply**")[0]
    when_reconfigured, when_started = said.split("when it is reconfigured.")
    names = set(re.findall(r"^([A-Z_]+) = ", template, re.MULTILINE))
    assert set(re.findall(r"\*(VM_\w+)\*", when_started)) <= names
    assert set(re.findall(r"\*([A-Z_]+)\*", when_reconfigured)) == {
        name for name in names if not name.startswith(("VM_", "KVMSTAGE_")) and name != "ENABLE_URL_TRANSFERS"
    }


def test_programs_for_virtual_machines_and_what_they_are_told_are_named() -> None:
    text = section("VIRTUAL MACHINES")
    policy = Policy()
    policy.vm.memory, policy.vm.max_number = 1 << 30, 1
    settings = snippet_text.rendered(values.decide_for_tree(policy, "/x"))
    for name in ("LIBVIRT_XML_SCRIPT", "KVMSTAGE_HOOK_PREPARE_JOB", "STARTER_DEFAULT_JOB_HOOK_KEYWORD"):
        assert f"*{name}*" in text
    for program in (BUILDER, HOOK):
        directory, name = program.rsplit("/", 1)
        assert program in settings.values()
        assert f"*{directory}*" in text
        assert f"*{name}*" in text
    assert GUEST_FACTS in text
    assert all(f"*{mode}*" in text for mode in guest_facts.CPU_MODES if mode)
    assert f"*{guest_support._ARCH_CAPABILITIES}*" in text
    assert "*htcondor.patience*" in text
    assert f"*VM_STATUS_INTERVAL* to {settings['VM_STATUS_INTERVAL']} seconds" in text
    assert GuestFacts().security_models == re.findall(r"taken to be \*(\w+)\* alone", text)


def test_conditions_for_vm_jobs_are_all_explained() -> None:
    conditions = list(start_guard.attributes([]))
    text = section("VM JOBS")
    assert terms(text) == conditions
    assert "*VmJobRules*" in text
    assert all(condition in start_guard.start(conditions) for condition in [*conditions, "VmJobRules"])
    for attribute in re.findall(r"\*(VM[A-Za-z_]*_[A-Za-z_]+)\*", text):
        assert attribute in "".join(start_guard.attributes([]).values())
    assert "condor_q -better-analyze -reverse -machine" in text


def test_examples_of_disks_are_let_in_or_not_as_the_page_says() -> None:
    good, bad = (block.splitlines() for block in literals(section("VM JOBS"))[:2])
    (directories,) = re.findall(r"``disk_dirs = (\[.*\])``", section("VM JOBS"))
    for disk_dirs, accepted in (([], good), (json.loads(directories), [*good, bad[0]])):
        pattern = start_guard.disks(disk_dirs)
        assert [disk for disk in [*good, *bad] if re.fullmatch(pattern, disk)] == accepted
    (mac,) = re.findall(r"as\s+``([0-9a-f:]+)``", section("VM JOBS"))
    assert re.fullmatch(start_guard._MAC, mac)


def test_files_are_those_that_it_reads_and_writes(tmp_path: Path) -> None:
    host = FakeNode(tmp_path / "node")
    files = re.findall(r"^\*(/.*)\*$", section("FILES"), re.MULTILINE)
    host.path(SNIPPET).write_text("edited\n")
    list(file.put("new\n", host))
    (copy,) = (f"{COPIES}/{name}" for name in host.names(COPIES) if name.endswith(".rpmsave"))
    (pattern,) = (name for name in files if "<time>" in name)
    assert fnmatch.fnmatchcase(copy, pattern.replace("<time>", "20??-??-??T??????Z"))
    unit = (REPOSITORY / "packaging" / UNIT).read_text(encoding="utf-8")
    (disabled,) = re.findall(r"^ConditionPathExists=!(.*)$", unit, re.MULTILINE)
    assert set(files) == {
        SNIPPET,
        POLICY,
        disabled,
        pattern,
        SLOT_ATTRIBUTES,
        STAGING_CACHE,
        GUEST_FACTS,
        ATTEMPT,
        f"/usr/lib/systemd/system/{UNIT}",
    }


def test_what_the_policy_must_fix_for_a_tree_that_does_not_run_is_named() -> None:
    policy = Policy()
    policy.network.types = ["bridge"]
    text = section("IMAGE BUILDS")
    keys = values.missing_for_tree(policy)
    assert sorted(keys) == sorted(re.findall(r"\*((?:vm|network)\.\w+)\*", text))
