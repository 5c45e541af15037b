"""What an expression for START demands of VM jobs: which conditions it joins by &&. Pure: text in, verdict out."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Strings, what could be taken for ?, and what joins and encloses
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|' r"'(?:\\.|[^'\\])*'|" r"=\?=|&&|\|\||[][(){}?]", re.DOTALL)
_LOOSER = {"&&": ("||", "?"), "||": ("?",)}  # what holds less together than an operator


def demands(start: str, names: Iterable[str]) -> bool:
    """Return whether START holds for a VM job only if all these attributes do.

    They are conditions of their own, or one condition is guard.start(). Within another || a job could do without them.
    """
    demanded = set()
    for condition in _parts(start.removeprefix("/Expr").removesuffix("/"), "&&"):  # as condor_status -json shows it
        universe, *other = _parts(condition, "||")
        if not other:
            demanded.add(universe)
        elif len(other) == 1 and "JobUniverse" in universe:
            demanded.update(_parts(other[0], "&&"))
    return set(names) <= {condition.removeprefix("MY.") for condition in demanded}


def _parts(expression: str, operator: str) -> list[str]:
    """Return what an expression joins by && or ||, each without parentheses around it; itself if it does not."""
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
    """Return an expression without parentheses around all of it."""
    expression = expression.strip()
    depth = 0
    for token in _TOKEN.finditer(expression):
        depth += (token[0] in "([{") - (token[0] in ")]}")
        if depth == 0:
            around = token[0] == ")" and expression[0] == "(" and token.end() == len(expression)
            return _bare(expression[1:-1]) if around else expression
    return expression
