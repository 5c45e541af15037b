"""Which conditions an expression for START requires of VM jobs: those that it joins by &&. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Strings, =?= (which is not ?), operators and parentheses
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|' r"'(?:\\.|[^'\\])*'|" r"=\?=|&&|\|\||[][(){}?]", re.DOTALL)
_LOOSER = {"&&": ("||", "?"), "||": ("?",)}  # operators that bind less tightly


def requires(start: str, names: Iterable[str]) -> bool:
    """Return whether START holds for a VM job only if all these attributes do.

    Each is a condition, or one condition is that of start_guard.start(). Inside another || they would not be required.
    """
    required = set()
    for condition in _parts(start.removeprefix("/Expr").removesuffix("/"), "&&"):  # as condor_status -json shows it
        universe, *other = _parts(condition, "||")
        if not other:
            required.add(universe)
        elif len(other) == 1 and "JobUniverse" in universe:
            required.update(_parts(other[0], "&&"))
    return {f"MY.{name}" for name in names} <= required


def _parts(expression: str, operator: str) -> list[str]:
    """Return the operands of && or || without their parentheses; the expression itself if it has no such operator."""
    expression = _bare(expression)
    parts, begin, depth = [], 0, 0
    for token in _TOKEN.finditer(expression):
        depth += (token[0] in "([{") - (token[0] in ")]}")
        if depth == 0 and token[0] in _LOOSER[operator]:
            return [expression]
        if depth == 0 and token[0] == operator:
            parts.append(expression[begin : token.start()])
            begin = token.end()
    if not parts:
        return [expression]
    return [inner for part in [*parts, expression[begin:]] for inner in _parts(part, operator)]


def _bare(expression: str) -> str:
    """Return an expression without its outer parentheses."""
    expression = expression.strip()
    depth = 0
    for token in _TOKEN.finditer(expression):
        depth += (token[0] in "([{") - (token[0] in ")]}")
        if depth == 0:
            around = token[0] == ")" and expression[0] == "(" and token.end() == len(expression)
            return _bare(expression[1:-1]) if around else expression
    return expression
