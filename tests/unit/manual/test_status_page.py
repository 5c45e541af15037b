"""The page of condor-kvm-stage-status says what it does: options, table, JSON, metrics, fields of the journal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from condor_kvm_stage import journal
from condor_kvm_stage.gahp import journal_entries
from condor_kvm_stage.gahp.guest_end import End
from condor_kvm_stage.status import cli, document, metrics, table
from support import clock
from support.manual_pages import Page, literals, terms
from support.vms import TWO

REPOSITORY = Path(__file__).parents[3]
section = Page("condor-kvm-stage-status.8").section
_utc = pytest.fixture(autouse=True)(clock.utc)


def test_every_option_is_in_options_and_synopsis_and_no_other() -> None:
    known = {option for action in cli._parser()._actions for option in action.option_strings}
    lines = re.findall(r"^(\*\*-.*)$", section("OPTIONS"), re.MULTILINE)
    assert sorted(option for line in lines for option in re.findall(r"\*\*(-[\w-]+)\*\*", line)) == sorted(known)
    assert set(re.findall(r"\*\*(-[\w-]+)\*\*", section("SYNOPSIS"))) == known - {"-h"}


def test_example_is_what_the_program_prints() -> None:
    (example,) = literals(section("THE TABLE"))
    printed = "".join(f"{line}\n" for line in table.lines(TWO, None))
    assert example == printed, f"write into the page:\n{printed}"
    columns = re.findall(r"\*([A-Z]+)\*", " ".join(re.findall(r"^(\*.*)$", section("THE TABLE"), re.MULTILINE)))
    assert columns == list(table._HEADER)
    assert f"at least {table.LEAST_WIDTH} columns" in section("THE TABLE")


def test_json_has_the_keys_that_the_page_lists() -> None:
    printed = document.document(TWO)
    assert terms(section("JSON")) == [*printed, *printed["vms"][0]]


def test_metrics_and_states_are_those_that_the_page_lists() -> None:
    names = re.findall(r"^# TYPE (\w+) ", metrics.text(TWO), re.MULTILINE)
    assert terms(section("METRICS")) == names
    of_states = section("METRICS").partition("``condor_kvm_stage_vms``\n")[2].split("\n")[0]
    assert re.findall(r"``(\w+)``", of_states) == list(metrics.STATES)
    labels = re.findall(r"(\w+)=", re.findall(r"vm_info\{(.*)\} 1", metrics.text(TWO))[0])
    of_info = section("METRICS").partition("``condor_kvm_stage_vm_info``\n")[2].split("\n")[0]
    assert re.findall(r"\*(\w+)\*", of_info) == labels
    assert f"*{cli._SUFFIX}*" in section("METRICS")


def test_timer_and_its_file_are_those_of_the_unit() -> None:
    service = (REPOSITORY / "packaging/condor-kvm-stage-metrics.service").read_text(encoding="utf-8")
    (path,) = re.findall(r"^Environment=METRICS=(.*)$", service, re.MULTILINE)
    assert f"*{path}*" in section("FILES")
    assert f"*{Path(path).parent}*" in section("METRICS")
    assert "ExecStart=/usr/sbin/condor-kvm-stage-status --metrics ${METRICS}\n" in service
    assert f"SuccessExitStatus={cli.NOT_KNOWN}\n" in service
    for unit in ("condor-kvm-stage-metrics.service", "condor-kvm-stage-metrics.timer"):
        assert (REPOSITORY / "packaging" / unit).exists()
        assert f"*/usr/lib/systemd/system/{unit}*" in section("FILES")


def test_events_and_ends_in_the_journal_are_those_that_the_page_lists() -> None:
    text = section("THE JOURNAL")
    assert [term for term in terms(text) if not term.isupper()] == list(journal._PRIORITIES)
    assert f"journalctl -t {journal.IDENTIFIER} " in text
    ends = text.partition("``KVM_STAGE_END``\n")[2].split("\n\n")[0].replace("\n    ", " ")
    expected = [*(end.name for end in End), journal_entries._STOPPED, journal_entries._NOT_KNOWN]
    assert re.findall(r"``([^`]+)``", ends) == [end.lower().replace("_", "-") for end in expected]
    for check in (journal_entries.START, journal_entries.NODE):
        assert f"``{check}``" in text


def test_exit_statuses_are_all_there() -> None:
    assert re.findall(r"^(\d+)$", section("EXIT STATUS"), re.MULTILINE) == [
        "0",
        str(cli.FAILED),
        "2",
        str(cli.NOT_KNOWN),
    ]
