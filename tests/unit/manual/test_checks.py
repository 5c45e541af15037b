"""The generator's manual page has every check, with every level that the code can give it, in the code's order."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from condor_kvm_stage.genconfig import checks
from condor_kvm_stage.genconfig.checks import Level, run
from support.fake_node import FakeNode
from support.manual_pages import Page

CODE = Path(run.__file__).parent
section = Page("condor-kvm-stage-genconfig.8").section


def checks_on_the_page() -> dict[tuple[str, ...], set[str]]:
    """The levels of each check, by group and name, in the page's order: ``group name`` (level, …)."""
    found = re.findall(r"^``([a-z]+) ([a-z-]+)`` \((.+)\)$", section("CHECKS"), re.MULTILINE)
    assert len({entry[:2] for entry in found}) == len(found)
    return {(group, name): set(levels.split(", ")) for group, name, levels in found}


def checks_in(path: Path) -> dict[tuple[str, ...], set[str]]:
    """The levels that each check of a module can have, from its text: each check is made in a function of its own."""
    found: dict[tuple[str, ...], set[str]] = {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = constants_of(tree.body)
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        nodes = list(ast.walk(function))
        local = {**constants, **constants_of(nodes)}
        levels = {node.attr for node in nodes if isinstance(node, ast.Attribute) and is_name(node.value, "Level")}
        for call in (node for node in nodes if isinstance(node, ast.Call) and is_name(node.func, "Check")):
            found.setdefault(tuple(word(argument, local) for argument in call.args[:2]), set()).update(
                Level[level].value for level in levels
            )
    return found


def is_name(node: ast.AST, name: str) -> bool:
    """Whether a node is the name, alone or of a module, as in `checks.Level`."""
    return (node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else "") == name


def word(node: ast.AST, constants: dict[str, str]) -> str:
    """The string that an argument is, written out or by a name."""
    if isinstance(node, ast.Name):
        return constants[node.id]
    assert isinstance(node, ast.Constant)
    assert isinstance(node.value, str)
    return node.value


def constants_of(nodes: list[ast.stmt] | list[ast.AST]) -> dict[str, str]:
    """The names that are assigned strings, alone or as parts of a tuple."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            target, value = node.targets[0], node.value
            tuples = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs = zip(target.elts, value.elts) if tuples else [(target, value)]  # type: ignore[attr-defined]
            for name, constant in pairs:
                if (
                    isinstance(name, ast.Name)
                    and isinstance(constant, ast.Constant)
                    and isinstance(constant.value, str)
                ):
                    found[name.id] = constant.value
    return found


def test_every_check_is_there_with_every_level_that_the_code_gives_it() -> None:
    given: dict[tuple[str, ...], set[str]] = {}
    for path in CODE.glob("*.py"):
        given.update(checks_in(path))
    assert checks_on_the_page() == given


def test_checks_are_in_the_order_in_which_they_are_printed(tmp_path: Path) -> None:
    host = FakeNode(tmp_path / "node")
    printed = dict.fromkeys((verdict.group, verdict.name) for verdict in checks.evaluate(run.gather(host)))
    of_an_image = run._image("nfs:///x:y", host)
    page = [entry for entry in checks_on_the_page() if entry != (of_an_image.group, of_an_image.name)]
    assert page == list(printed)
