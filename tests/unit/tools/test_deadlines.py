"""No test fails because the machine is busy: none asserts that something took less than a time."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
CLOCKS = {"monotonic", "perf_counter", "time"}
DURATION = "seconds"  # attribute of what a test measures


def is_duration(node: ast.AST, durations: set[str]) -> bool:
    """Whether an expression is made from the difference of two times."""
    for part in ast.walk(node):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub):
            calls = [call.func for call in ast.walk(part) if isinstance(call, ast.Call)]
            if any(isinstance(func, ast.Attribute) and func.attr in CLOCKS for func in calls):
                return True
        if isinstance(part, ast.Name) and part.id in durations:
            return True
        if isinstance(part, ast.Attribute) and part.attr == DURATION:
            return True
    return False


def upper_bounds(text: str) -> list[int]:
    """Return the lines in which a test asserts that a duration is less than something."""
    found = []
    tree = ast.parse(text)
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Assign) and is_duration(node.value, set())]
    durations = {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):  # seconds.append(…)
            durations |= {call.func.value.id for value in call.args if is_duration(value, durations)}
    for statement in (node for node in ast.walk(tree) if isinstance(node, ast.Assert)):
        for compared in (node for node in ast.walk(statement.test) if isinstance(node, ast.Compare)):
            values = [compared.left, *compared.comparators]
            for operator, left, right in zip(compared.ops, values, values[1:]):
                less = left if isinstance(operator, (ast.Lt, ast.LtE)) else right
                if isinstance(operator, (ast.Lt, ast.LtE, ast.Gt, ast.GtE)) and is_duration(less, durations):
                    found.append(statement.lineno)
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("begin = time.monotonic()\nassert time.monotonic() - begin < 10", [2]),
        ("taken = time.time() - begin\nassert taken < 5", [2]),
        ("assert 1 <= outcome.seconds < 3", [1]),
        ("assert 10 > time.monotonic() - begin", [1]),
        ("assert time.monotonic() - begin > 1, 'it was slow'", []),
        ("assert time.monotonic() < deadline", []),
        ("assert time.process_time() - begin < 5", []),
    ],
)
def test_upper_bound_of_a_duration_is_found(text: str, lines: list[int]) -> None:
    assert upper_bounds(text) == lines


def test_no_test_asserts_that_something_took_less_than_a_time() -> None:
    """What hangs fails by the deadline of a wait, or pytest's. What is fast is a matter of `make bench`."""
    found = {str(path.relative_to(TESTS)): upper_bounds(path.read_text("utf-8")) for path in TESTS.rglob("*.py")}
    assert {path: lines for path, lines in found.items() if lines} == {}
