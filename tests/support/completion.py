"""bash completion of a program, called like bash does."""

from __future__ import annotations

import subprocess
from pathlib import Path

_PACKAGING = Path(__file__).parents[2] / "packaging"


def file(program: str) -> Path:
    """The program's completions."""
    return _PACKAGING / f"{program}.bash"


def complete(program: str, *words: str) -> list[str]:
    """The completions for the last of these words, from the function that the program's file registers for it."""
    script = f"""
        source "$1"; shift
        registered=($(complete -p {program}))
        compopt() {{ :; }}  # outside of a completion it fails
        COMP_WORDS=({program} "$@") COMP_CWORD=$#
        "${{registered[2]}}" {program}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    command = ["bash", "--norc", "-c", script, "bash", str(file(program)), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1] if done.stdout != "\n" else []
