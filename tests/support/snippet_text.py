"""A snippet's text, as HTCondor reads it."""

from __future__ import annotations

import re

from condor_kvm_stage.genconfig.snippet import render
from condor_kvm_stage.genconfig.snippet.values import Values


def settings(text: str) -> dict[str, str]:
    """What condor_config_val would give: `name = value`, no quotes taken off, of conditions as if they held.

    A line continues after a backslash.
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
