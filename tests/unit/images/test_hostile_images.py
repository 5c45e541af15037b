"""No image of the table in tests/hostile becomes a disk, or is so much as opened by another program."""

from __future__ import annotations

import ast
import collections
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import condor_kvm_stage
import hostile
from condor_kvm_stage.failures import StageError
from condor_kvm_stage.images import formats, image, text_files
from condor_kvm_stage.plugin import transfer
from condor_kvm_stage.policy import load
from hostile import Case

FORBIDDEN = {"image_dirs", "readable", "searchable"}
_VERBS = (
    "ask|check|chmod|convert|copied|decrypt|fetch|flatten|get|give|make|move|name|pull|put|recreate|remove|rename|restore|"
    "unpack|write"
)
STEP = re.compile(rf"; .*\b({_VERBS}|tar|unzip|\w+ -dk)\b")
STEP_OF_QEMU = re.compile(r"; .*\bqemu-img (check|convert|rebase) ")


@dataclass
class Hostile:
    """A case as it lies on the disk."""

    case: Case
    path: Path

    def refusal(self) -> StageError:
        with pytest.raises(StageError) as caught:
            image.inspect(str(self.path), load.load().staging, lambda step: None)
        return caught.value


@pytest.fixture
def on_disk(tmp_path: Path, site_policy: Callable[[str], None]) -> Iterator[Callable[[Case], Hostile]]:
    """Make a case's files and the policy that it is about."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as sparse:

        def make(case: Case) -> Hostile:
            directory = Path(sparse if case.sparse else tmp_path) / "images"
            directory.parent.chmod(0o755)
            directory.mkdir()
            directory.chmod(0o755)
            if case.policy:
                site_policy(case.policy.replace("DIR", str(directory)))
            return Hostile(case, case.build(directory))

        yield make


@pytest.fixture
def marker(tmp_path: Path, fake_program: Callable[[str, str], None]) -> Path:
    """The file that a fake qemu-img makes when it is run."""
    path = tmp_path / "qemu-img-was-run"
    fake_program("qemu-img", f": > {path}")
    return path


cases = pytest.mark.parametrize("case", hostile.CASES, ids=str)


@cases
def test_hostile_image_is_refused_by_the_named_check(case: Case, on_disk: Callable[[Case], Hostile]) -> None:
    refusal = on_disk(case).refusal()
    assert refusal.check == case.check
    if not case.check:
        assert refusal.code == case.code


@cases
def test_hostile_image_becomes_no_disk_and_no_program_opens_it(
    case: Case, on_disk: Callable[[Case], Hostile], scratch: Path, marker: Path
) -> None:
    path = on_disk(case).path
    status, ad = transfer.Run(False).transfer(f"nfs://{path}?mode=copy:disk", str(scratch / "x"))
    assert status == (os.EX_NOPERM if case.check in FORBIDDEN else os.EX_DATAERR)
    assert ad["TransferSuccess"] is False
    (data,) = ad["TransferErrorData"]
    assert data["DeveloperData"].get("Check", "") == case.check
    assert data["DeveloperData"]["Step"] == "inspect"
    assert data["Retryable"] == -1
    assert list(scratch.iterdir()) == []
    assert not marker.exists()


def test_sound_image_is_opened_by_qemu_img(tmp_path: Path, scratch: Path, marker: Path) -> None:
    path = hostile.put(tmp_path / "image", hostile.qcow2())
    status, ad = transfer.Run(False).transfer(f"nfs://{path}?mode=copy:disk", str(scratch / "x"))
    assert (status, ad["TransferSuccess"]) == (os.EX_OK, True)
    assert marker.exists()


@cases
def test_refusal_names_the_file_the_reason_and_the_next_step_on_one_line(
    case: Case, on_disk: Callable[[Case], Hostile]
) -> None:
    made = on_disk(case)
    message = str(made.refusal())
    assert (case.names or str(made.path)) in message
    assert message.isprintable()
    assert STEP.search(message) or STEP_OF_QEMU.search(message)
    assert not re.search(r"Traceback|Error\(|Errno|None|\{\}", message)


def test_each_case_has_its_own_name() -> None:
    counts = collections.Counter(case.name for case in hostile.CASES)
    assert [name for name, count in counts.items() if count > 1] == []


def test_each_check_in_the_sources_refuses_a_case() -> None:
    found = set[str]()
    for folder in ("images", "share", "plugin"):
        for source in (Path(condor_kvm_stage.__file__).parent / folder).glob("*.py"):
            found |= checks_in(ast.parse(source.read_text(encoding="utf-8")))
    assert found == {case.check for case in hostile.CASES if case.check} | hostile.CHECKS_WITHOUT_A_CASE


def checks_in(tree: ast.AST) -> set[str]:
    """The names of checks in a module: raise …(check="name"), check(holds, "name", …), table("name", …)."""
    named: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            named += [keyword.value for keyword in node.keywords if keyword.arg == "check"]
            function = node.func.id if isinstance(node.func, ast.Name) else ""
            named += {"check": node.args[1:2], "table": node.args[:1]}.get(function, [])
    return {node.value for node in named if isinstance(node, ast.Constant) and isinstance(node.value, str)} - {""}


def test_each_foreign_format_is_among_the_cases(on_disk: Callable[[Case], Hostile], tmp_path: Path) -> None:
    known = {name for name, *_ in [*formats._IMAGES, *formats._FOOTERS, *formats._OTHERS]} - {"qcow2"}
    found = set[str]()
    for content in hostile.FOREIGN.values():
        path = hostile.put(tmp_path / "image", content)
        with pytest.raises(StageError) as caught:
            image.inspect(str(path), load.load().staging, lambda step: None)
        found |= set(re.findall(r"has the format ([\w-]+);", str(caught.value)))
    assert found == known


@pytest.mark.parametrize(("kind", "content"), hostile.TEXTS.values(), ids=hostile.TEXTS.keys())
def test_what_is_no_image_is_called_by_its_name(tmp_path: Path, kind: str, content: bytes) -> None:
    path = hostile.put(tmp_path / "image", content)
    with pytest.raises(StageError, match=f"image {path} (is not an image but|has) .*{kind}.*; ") as caught:
        image.inspect(str(path), load.load().staging, lambda step: None)
    assert caught.value.check == "format"


def test_each_kind_of_text_is_among_the_cases() -> None:
    found = {text_files.recognise(content)[0] for _, content in hostile.TEXTS.values()}
    assert found - {""} == {kind for kind, *_ in text_files._KINDS} | {"a text file"}


OTHERS = {name for name, *_ in formats._OTHERS}


# Not by their content: pytest puts a test's name into the environment, where it is too long for a program to start
_NOT_OURS = {**hostile.FOREIGN, **{name: content for name, (_, content) in hostile.TEXTS.items()}}


@pytest.mark.parametrize("content", _NOT_OURS.values(), ids=_NOT_OURS.keys())
def test_only_what_qemu_takes_for_no_image_may_pass_as_raw(tmp_path: Path, content: bytes) -> None:
    path = hostile.put(tmp_path / "image", content)
    with pytest.raises(StageError) as caught:
        image.inspect(str(path), load.load().staging, lambda step: None)
    name = re.search(r"has the format ([\w-]+);", str(caught.value))
    if name and name[1] not in OTHERS:
        with pytest.raises(StageError, match=f"has the format {name[1]};"):
            image.inspect(str(path), load.load().staging, lambda step: None, insists=True)
    else:
        found = image.inspect(str(path), load.load().staging, lambda step: None, insists=True)
        assert (found.format, found.virtual_size) == ("raw", len(content))
        # QEMU agrees, if nobody tells it the format
        said = subprocess.run(["qemu-img", "info", "--output=json", path], check=True, capture_output=True).stdout
        assert json.loads(said)["format"] == "raw"
