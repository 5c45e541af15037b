"""Parse a snippet's text like HTCondor."""

from __future__ import annotations

import re

from condor_kvm_stage.genconfig.snippet import render
from condor_kvm_stage.genconfig.snippet.values import Values


def settings(text: str) -> dict[str, str]:
    """Return what condor_config_val would print: name and value, quotes included, with each `if` taken as true.

    A backslash would continue a line; none may have one.
    """
    found: dict[str, str] = {}
    for line in text.splitlines():
        assert not line.endswith("\\")
        if line and not line.startswith(("#", "if ! defined ")) and line != "endif":
            name, equals, value = line.partition(" = ")
            assert equals, f"not a setting: {line}"
            assert re.fullmatch("[A-Za-z_]+", name)
            assert name not in found, f"{name} is set twice"
            found[name] = value
    return found


def rendered(values: Values) -> dict[str, str]:
    return settings(render.render(values))
