"""The output of --check: for people, with --quiet, for programs; and the exit status."""

from __future__ import annotations

import io
import json

import pytest

from condor_kvm_stage import __version__
from condor_kvm_stage.genconfig.checks import Check, Level, layout, report
from condor_kvm_stage.genconfig.checks.layout import Layout
from condor_kvm_stage.genconfig.checks.report import Verbosity

OK = Check("host", "cpu", Level.OK, "the CPU has AMD-V")
NOTE = Check("host", "iommu", Level.NOTE, "no IOMMU", "if you need it: the firmware", unused=True)
WARN = Check("kvm", "vhost-net", Level.WARN, "no /dev/vhost-net", "modprobe vhost_net")
FAIL = Check("images", "directory", Level.FAIL, "/srv/bücher is not there", "mount it")
NONE = Check("images", "canary", Level.NOT_APPLICABLE, "the policy names none")
ALL = [OK, NOTE, WARN, FAIL, NONE]


def lines(
    results: list[Check],
    layout: Layout | None = None,
    verbosity: Verbosity = Verbosity.VERBOSE,
    whole: bool = True,
) -> list[str]:
    return list(report.lines(results, layout or Layout(), verbosity=verbosity, whole=whole))


def test_a_line_for_each_check_with_the_next_step_below_and_one_for_the_node() -> None:
    assert lines(ALL) == [
        "ok    host cpu: the CPU has AMD-V",
        "note  host iommu: no IOMMU",
        "      -> if you need it: the firmware",
        "warn  kvm vhost-net: no /dev/vhost-net",
        "      -> modprobe vhost_net",
        "fail  images directory: /srv/bücher is not there",
        "      -> mount it",
        "n/a   images canary: the policy names none",
        "This node cannot run VM jobs as it should: images directory (and 1 warning)",
    ]


def test_what_does_not_matter_on_this_node_is_shown_only_on_request() -> None:
    shown = [line.split(":")[0] for line in lines(ALL, verbosity=Verbosity.NORMAL) if not line.startswith("  ")]
    assert shown == [
        "ok    host cpu",
        "warn  kvm vhost-net",
        "fail  images directory",
        "This node cannot run VM jobs as it should",
    ]


def test_nothing_is_wider_than_the_terminal_and_words_are_whole() -> None:
    found = "24105 MiB of memory on 2 NUMA nodes, 20800 MiB for virtual machines, 16 at once; limited by the others"
    step = "chmod 666 /dev/kvm; chmod o+x /var/lib/libvirt/qemu; then condor-kvm-stage-genconfig --apply"
    wrapped = lines([Check("host", "memory", Level.WARN, found, step)], Layout(width=60), whole=False)
    assert wrapped == [
        "warn  host memory: 24105 MiB of memory on 2 NUMA nodes,",
        "      20800 MiB for virtual machines, 16 at once; limited by",
        "      the others",
        "      -> chmod 666 /dev/kvm; chmod o+x",
        "         /var/lib/libvirt/qemu; then",
        "         condor-kvm-stage-genconfig --apply",
    ]
    path = "/srv/" + "x" * 70
    assert path in " ".join(lines([Check("a", "b", Level.OK, path)], Layout(width=60), whole=False))


def test_colour_is_only_there_on_request_and_changes_no_letter() -> None:
    assert not any("\033" in line for line in lines(ALL))
    coloured = lines(ALL, Layout(colour=True))
    codes = [line.split("m", 1)[0] for line in coloured if line.startswith("\033")]
    assert len(set(codes)) == len(codes) == len(ALL), "each level has a colour of its own"
    plain = [line.split("m", 1)[1].replace("\033[0m", "", 1) if "\033" in line else line for line in coloured]
    assert plain == lines(ALL)


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"),
    [
        (False, {"COLUMNS": "80"}, Layout(False, None)),
        (True, {"COLUMNS": "80"}, Layout(True, 80)),
        (True, {"COLUMNS": "132"}, Layout(True, 132)),
        (True, {"COLUMNS": "5"}, Layout(True, 40)),
        (True, {"COLUMNS": "80", "NO_COLOR": "1"}, Layout(False, 80)),
        (True, {"COLUMNS": "80", "NO_COLOR": ""}, Layout(True, 80)),
        (True, {"COLUMNS": "80", "TERM": "dumb"}, Layout(False, 80)),
    ],
)
def test_layout_is_that_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], expected: Layout
) -> None:
    for name in ("NO_COLOR", "TERM", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert layout.of_stream(Stream(terminal)) == expected


def test_quiet_shows_only_what_should_be_looked_at() -> None:
    assert [line[:4] for line in lines(ALL, verbosity=Verbosity.QUIET)] == ["warn", "    ", "fail", "    "]
    assert lines([OK, NOTE, NONE], verbosity=Verbosity.QUIET) == []


def test_verdict_on_one_image_says_nothing_of_the_node() -> None:
    assert lines([FAIL], whole=False) == ["fail  images directory: /srv/bücher is not there", "      -> mount it"]


@pytest.mark.parametrize(
    ("results", "last"),
    [
        ([OK, NOTE, NONE], "This node can run VM jobs."),
        ([OK, NOTE, WARN, NONE], "This node can run VM jobs, with 1 warning."),
        ([WARN, WARN], "This node can run VM jobs, with 2 warnings."),
        ([OK, FAIL, FAIL], "This node cannot run VM jobs as it should: images directory"),
        (
            [FAIL, Check("kvm", "device", Level.FAIL, "none", "modprobe kvm_intel")],
            "This node cannot run VM jobs as it should: images directory, kvm device",
        ),
        (
            [Check("kvm", "device", Level.WARN, "Permission denied", "run this as root")],
            "This node can run VM jobs, as far as this user can tell, with 1 warning.",
        ),
    ],
)
def test_last_line_names_each_failed_check_once(results: list[Check], last: str) -> None:
    assert report.verdict(results) == last
    assert lines(results)[-1] == last


@pytest.mark.parametrize(("level", "fails"), [(level, level is Level.FAIL) for level in Level])
def test_only_a_failure_makes_the_exit_status_1(level: Level, fails: bool) -> None:
    assert bool(report.failed([OK, Check("a", "b", level, "c", "d")])) is fails


def test_json_is_the_document_that_the_manual_promises() -> None:
    document = json.loads(report.as_json(ALL))
    assert list(document) == ["version", "ok", "checks"]
    assert (document["version"], document["ok"]) == (__version__, False)
    assert [check["level"] for check in document["checks"]] == ["ok", "note", "warn", "fail", "n/a"]
    assert document["checks"][3] == {
        "group": "images",
        "name": "directory",
        "level": "fail",
        "found": "/srv/bücher is not there",
        "next_step": "mount it",
    }
    assert document["checks"][0]["next_step"] == ""


def test_json_says_ok_where_nothing_failed() -> None:
    assert report.document([OK, NOTE, WARN, NONE])["ok"] is True


def test_json_is_text_that_people_can_read_and_ends_its_line() -> None:
    text = report.as_json([FAIL])
    assert "/srv/bücher" in text
    assert text.endswith("}\n")


def test_names_that_others_chose_do_not_reach_the_terminal_raw() -> None:
    evil = Check("images", "directory", Level.FAIL, "no \033[2J\nok    image", "chmod '\x9b'")
    assert lines([evil], whole=False) == [
        r"fail  images directory: no \x1b[2J\nok    image",
        r"      -> chmod '\x9b'",
    ]
    assert not {"\033", "\x9b"} & set(report.as_json([evil]))
