"""tools/verify: steps that fail do not hide others, the record says what happened, and wrong use is said in a line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testnode import run, tested_page
from testnode.node import Node
from verification import box, here, site, steps, targets
from verification.record import FAILED, PASSED, SKIPPED, Record, Result
from verification.step import Step, carry_out

pytestmark = pytest.mark.needs_repository

REPOSITORY = Path(__file__).parents[3]
TARGETS = {target.name: target for target in targets.TARGETS}
EL9 = TARGETS["el9"]
# What rpmlint 1.11, of EL 9, and 2.x print
LINT_1 = """\
condor-kvm-stage.noarch: W: no-url-tag
2 packages and 0 specfiles checked; 0 errors, 1 warnings.
"""
LINT_2 = """\
=========================== rpmlint session starts ===========================
rpmlint: 2.8.0
condor-kvm-stage.noarch: E: non-executable-script /usr/share/x 644 /bin/sh
condor-kvm-stage.noarch: E: unused-rpmlintrc-filter " only-non-binary-in-usr-lib$"
condor-kvm-stage.noarch: W: no-url-tag
 2 packages and 0 specfiles checked; 2 errors, 1 warnings, 30 filtered, 2 badness; has taken 0.4 s
"""


def make_site(target: targets.Target = EL9) -> site.Site:
    return site.Site(Node(0), target, "", (), "", "in a container")


def show(_: site.Site) -> str:
    return "found"


def fail(_: site.Site) -> str:
    raise run.TestNodeError("it is broken\nmore of it")


def lack(_: site.Site) -> str:
    raise site.NotThereError("not for this system")


@pytest.fixture
def record() -> Record:
    """Of four steps, of which one passes, one fails, one is not possible, and one needs that which fails."""
    made = Record("el9")
    taken = [Step("first", show), Step("second", fail), Step("third", lack), Step("fourth", show, ("first", "second"))]
    carry_out(taken, make_site(), made)
    made.versions = {"AlmaLinux 9.6": "in a container", "rpm": "4.16.1"}
    return made


def test_steps_that_need_a_failed_one_are_skipped_and_the_others_taken(record: Record) -> None:
    ends = [(result.end, result.detail) for result in record.results]
    assert ends == [
        (PASSED, "found"),
        (FAILED, "it is broken\nmore of it"),
        (SKIPPED, "not for this system"),
        (SKIPPED, "because it needs: second"),
    ]


def test_each_step_is_a_line_that_says_how_it_ended(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    for result in list(record.results):
        record.add(result)
    said = capsys.readouterr().out.splitlines()
    assert said[:3] == [
        "pass     0 s  first: found",
        "FAIL     0 s  second: it is broken",
        "                more of it",
    ]


def test_record_becomes_a_column_beside_that_of_another_system(record: Record, tmp_path: Path) -> None:
    record.write(tmp_path / "el9.xml")
    other = Record("fedora", {"Fedora Linux 44": "in a container"}, [Result("first", PASSED, 1.0, "\x1b[0m")])
    other.write(tmp_path / "fedora.xml")
    page = tested_page.page((tmp_path / name).read_text(encoding="utf-8") for name in ("fedora.xml", "el9.xml"))
    day = record.started.date().isoformat()
    assert f"| step | `make verify-el9`, {day} | `make verify-fedora`, {day} |\n|---|---|---|\n" in page
    assert "| first | passed | passed |\n" in page
    assert "| second | **failed**: it is broken |  |\n" in page
    assert "| third | **skipped**: not for this system |  |\n" in page
    assert "- `make verify-el9`: AlmaLinux 9.6 in a container, rpm 4.16.1\n" in page
    assert f"| `make verify-el9` | {day} | 1, 1 **failed**, 2 **skipped** | 0 min |\n" in page


def test_needs_of_each_step_are_titles_of_steps_before_it() -> None:
    before: set[str] = set()
    for step in steps.STEPS:
        assert before.issuperset(step.needs)
        before.add(step.title)


def test_warnings_of_rpmlint_are_told_and_errors_fail() -> None:
    assert steps.lint_verdict(LINT_1) == (
        "2 packages and 0 specfiles checked; 0 errors, 1 warnings\ncondor-kvm-stage.noarch: W: no-url-tag"
    )
    with pytest.raises(run.TestNodeError) as error:
        steps.lint_verdict(LINT_2)
    assert [line.partition(": ")[2] for line in str(error.value).splitlines()[1:]] == [
        "E: non-executable-script /usr/share/x 644 /bin/sh",
        "W: no-url-tag",
    ]
    with pytest.raises(run.TestNodeError, match="did not come to an end"):
        steps.lint_verdict("Traceback\n")


def test_exception_of_ours_that_a_systems_rpmlint_does_not_need_is_no_error() -> None:
    lines = [line for line in LINT_2.splitlines() if "non-executable-script" not in line]
    assert steps.lint_verdict("\n".join(lines)).endswith("condor-kvm-stage.noarch: W: no-url-tag")


@pytest.mark.parametrize("target", targets.TARGETS, ids=[target.name for target in targets.TARGETS])
def test_each_system_has_htcondor_or_says_why_not(target: targets.Target) -> None:
    assert bool(target.htcondor) != bool(target.why_no_htcondor)
    assert bool(target.channels) == bool(target.release)
    for channel in target.channels:
        *_, command = target.repositories(channel)
        assert command.endswith(f"/repo/{channel}/htcondor-release-current.{target.release}.noarch.rpm")
    assert target.repositories("") == list(target.extra)


def test_each_system_is_a_target_of_make_and_said_by_its_help() -> None:
    said = subprocess.run(
        ["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30
    ).stdout
    names = [line.split()[1] for line in said.splitlines() if line.startswith("  make verify-")]
    assert names == [f"verify-{name}" for name in TARGETS]


def test_system_without_htcondor_skips_what_needs_it() -> None:
    with pytest.raises(site.NotThereError, match="Tumbleweed"):
        steps.htcondor(make_site(TARGETS["tumbleweed"]))


@pytest.mark.parametrize(("content", "mode"), [("1", "enforcing"), ("0", "permissive")])
def test_mode_of_selinux_is_the_kernels(tmp_path: Path, content: str, mode: str) -> None:
    (tmp_path / "enforce").write_text(content, encoding="ascii")
    assert site.selinux(tmp_path / "enforce") == mode
    assert site.selinux(tmp_path / "none") == "off"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["el10", "--htcondor", "23.0"],
            "verify: HTCondor's repository has no channel 23.0 for el10: it has 25.0, 25.x\n",
        ),
        (
            ["fedora", "--htcondor", "25.0"],
            "verify: HTCondor's repository has no channel 25.0 for fedora: it has nothing for this system\n",
        ),
        (
            ["el9"],
            "verify: not installed: nasm, qemu-img, podman, nsenter; install them with this machine's package manager\n"
            if os.geteuid() == 0
            else "verify: needs root, for packages and /dev/kvm; run this as root\n",
        ),
    ],
)
def test_what_cannot_be_verified_is_said_in_a_line(words: list[str], message: str, tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "tools/verify"), *words]
    said = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False, timeout=30)
    assert (said.returncode, said.stdout, said.stderr) == (1, "", message)


@pytest.mark.parametrize(
    ("name", "release", "refusal"),
    [
        ("el9", 'ID="almalinux"\nVERSION_ID="9.6"\n', ""),
        ("el10", 'ID="centos"\nVERSION_ID="10"\nPRETTY_NAME="CentOS Stream 10"\n', ""),
        ("fedora", "# of Fedora\nID=fedora\nVERSION_ID=44\n", ""),
        ("tumbleweed", 'ID="opensuse-tumbleweed"\n# VERSION_ID="20261120"\n', ""),
        (
            "el9",
            'ID="rocky"\nVERSION_ID="10.0"\nPRETTY_NAME="Rocky Linux 10.0"\n',
            "this machine has Rocky Linux 10.0; for el9 it must have almalinux 9 or rocky 9 or centos 9",
        ),
        ("fedora", "ID=debian\n", "this machine has debian; for fedora it must have fedora"),
        ("fedora", "", "this machine has an unknown system; for fedora it must have fedora"),
    ],
)
def test_machine_is_verified_only_if_it_has_the_system(name: str, release: str, refusal: str, tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text(release, encoding="utf-8")
    if not refusal:
        here.expect_system(TARGETS[name], path)
        return
    with pytest.raises(run.TestNodeError) as error:
        here.expect_system(TARGETS[name], path)
    assert str(error.value) == refusal


def test_image_that_cannot_be_had_is_named_with_podmans_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    podman = tmp_path / "podman"
    podman.write_text(
        "#!/bin/sh\necho Trying to pull >&2\necho 'Error: no route to host' >&2\nexit 125\n", encoding="utf-8"
    )
    podman.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(run.TestNodeError) as error, box.running(EL9, tmp_path):
        pass
    assert str(error.value) == (
        "cannot get the image quay.io/almalinuxorg/almalinux:9: Error: no route to host; is its registry within reach?"
    )
