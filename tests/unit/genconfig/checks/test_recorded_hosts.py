"""The corpus: what the generator makes of the hosts in tests/data/hosts, and what --check says of them.

Beside each host are its golden files, snippet.conf and check.txt, unless they are its base's; ok.txt is that of all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.monkeypatch import MonkeyPatch  # pytest.MonkeyPatch, also before pytest 6.2

from condor_kvm_stage.genconfig import cli
from condor_kvm_stage.genconfig.checks import Check, Level, evaluate
from condor_kvm_stage.genconfig.checks.run import gather
from recorder import layers
from support.recorded_hosts import HOSTS, RecordedHost, fix_what_does_not_go_through_host, golden_of, update_golden

CORPUS = sorted(path.parent for path in HOSTS.glob("*/host.toml"))
IDS = [folder.name for folder in CORPUS]
OK = HOSTS / "ok.txt"
# The golden files of a base are written before those that differ from them
BASES_FIRST = sorted(CORPUS, key=lambda folder: len(layers.chain(folder)))
Make = Callable[[Path], RecordedHost]


@pytest.fixture(autouse=True)
def site_policy() -> None:
    """In the place of the fixture that keeps the host's own policy away: these hosts have theirs."""


@pytest.fixture(autouse=True, scope="module")
def be() -> Iterator[Make]:
    """Let this be the host of a folder, also in what does not go through Host: names, users, the policy's place."""
    with MonkeyPatch().context() as patch:
        fix_what_does_not_go_through_host(patch)

        def make(folder: Path) -> RecordedHost:
            found = RecordedHost(folder)
            patch.setattr(os, "uname", lambda: os.uname_result(("Linux", folder.name, "", "", found.machine)))
            return found

        yield make


@pytest.fixture(scope="module")
def verdicts(be: Make) -> dict[str, list[Check]]:
    """Every verdict on every host, by the host's name."""
    return {folder.name: evaluate(gather(be(folder))) for folder in CORPUS}


def below(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.lstat().st_mtime_ns, path.lstat().st_ino) for path in folder.rglob("*")}


@pytest.fixture
def compare(request: pytest.FixtureRequest) -> Callable[[Path, str, str], None]:
    """Compare a text with a host's golden file, its own or that of its base."""

    def with_golden(folder: Path, name: str, text: str) -> None:
        if request.config.getoption("--update-golden"):
            update_golden(folder, name, text)
        path = golden_of(folder, name)
        assert path.exists(), f"no golden file {path}; run pytest --update-golden, and read what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"not as in {path}"

    return with_golden


@pytest.mark.parametrize("folder", BASES_FIRST, ids=lambda folder: folder.name)
def test_snippet_is_the_golden_file(
    be: Make, compare: Callable[[Path, str, str], None], capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    status = cli.main(["--stdout"], be(folder))
    printed = capsys.readouterr()
    assert (status == 0) == bool(printed.out), "a policy that is broken gives no snippet"
    assert bool(printed.err) == (status != 0)
    compare(folder, "snippet.conf", printed.out)


@pytest.mark.parametrize("folder", BASES_FIRST, ids=lambda folder: folder.name)
def test_check_prints_the_golden_file_and_changes_nothing(
    be: Make, compare: Callable[[Path, str, str], None], capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """All that is not ok: so a new check changes the files of only those hosts of which it says something."""
    host = be(folder)
    before = below(host.root)
    status = cli.main(["--check", "--verbose"], host)
    assert below(host.root) == before
    lines = capsys.readouterr().out.replace(str(host.root), "").splitlines()  # of a broken policy, the place
    not_ok = [line for line in lines if not line.startswith("ok ")]
    compare(folder, "check.txt", "\n".join([*not_ok, f"exit status: {status}", ""]))


def test_texts_of_what_is_ok_are_the_golden_file(
    verdicts: dict[str, list[Check]], request: pytest.FixtureRequest
) -> None:
    """Once for all hosts: so a new check adds its lines to one file."""
    every = {check for results in verdicts.values() for check in results if check.level is Level.OK}
    text = "".join(sorted({f"{check.group} {check.name}: {check.found}\n" for check in every}))
    if request.config.getoption("--update-golden"):
        OK.write_text(text, encoding="utf-8")
    assert text == OK.read_text(encoding="utf-8"), f"not as in {OK}; run pytest --update-golden, and read what it wrote"


@pytest.mark.parametrize("folder", CORPUS, ids=IDS)
def test_json_has_the_verdicts_of_the_text(be: Make, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    host = be(folder)
    status = cli.main(["--check", "--verbose"], host)
    *lines, _ = capsys.readouterr().out.splitlines()
    assert cli.main(["--check", "--json"], host) == status
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] == (status == 0)
    expected = []
    for check in document["checks"]:
        expected.append(f"{check['level']:4}  {check['group']} {check['name']}: {check['found']}")
        expected += [f"      -> {check['next_step']}"] if check["next_step"] else []
    assert lines == expected


def test_hosts_are_different() -> None:
    assert len(CORPUS) >= 22
    assert len({RecordedHost(folder).about for folder in CORPUS}) == len(CORPUS)


def test_whatever_is_not_ok_has_a_next_step_and_nothing_else_has(verdicts: dict[str, list[Check]]) -> None:
    for name, results in verdicts.items():
        for check in results:
            settled = check.level in (Level.OK, Level.NOT_APPLICABLE)
            assert bool(check.next_step) != settled, f"{name}: {check}"


def test_every_verdict_is_one_printable_line(verdicts: dict[str, list[Check]]) -> None:
    texts = [text for results in verdicts.values() for check in results for text in (check.found, check.next_step)]
    assert all(text.isprintable() for text in texts)


def test_every_check_is_ok_somewhere_and_not_elsewhere(verdicts: dict[str, list[Check]]) -> None:
    every = [check for results in verdicts.values() for check in results]
    names = {(check.group, check.name) for check in every}
    assert {check.level for check in every} == set(Level)
    assert {(check.group, check.name) for check in every if check.level is Level.OK} == names
    assert {(check.group, check.name) for check in every if check.level is not Level.OK} == names


def test_hosts_that_can_run_vm_jobs_are_those_without_a_failure(verdicts: dict[str, list[Check]]) -> None:
    good = {name for name, results in verdicts.items() if not any(check.level is Level.FAIL for check in results)}
    assert {"intel-el9", "amd-sev", "aarch64", "paravirtual", "selinux-nfs-on", "bridge", "ordinary-user"} <= good
    assert not good & {"no-extension", "bios-disabled", "docker", "ram-1gib", "selinux-nfs-off", "no-libvirt"}


@pytest.mark.parametrize("folder", CORPUS, ids=IDS)
def test_host_holds_what_git_can_hold(folder: Path) -> None:
    directories = [path for path in folder.rglob("*") if path.is_dir()]
    assert all(list(path.iterdir()) for path in directories), "git has no empty directories"
    assert all(path.resolve().is_relative_to(folder) for path in folder.rglob("*"))
