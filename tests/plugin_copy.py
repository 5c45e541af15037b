"""A copy of the installed program: with its modules, and the node's files that it reads, where a test has them."""

from __future__ import annotations

import shutil
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SOURCES = REPOSITORY / "src"
_MODULES = "/usr/share/condor-kvm-stage/python"
_START = "sys.exit(main("


def copy_modules(directory: Path) -> Path:
    """Copy the plug-in's modules to where all may read them, as in this repository they may not. Returns the copy."""
    copy = directory / "python"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def write(path: Path, modules: Path, before: str) -> list[str]:
    """Write the program to path. before: lines that it runs first. Returns the options of its interpreter."""
    text = (REPOSITORY / "scripts/vm-nfs-plugin").read_text(encoding="utf-8")
    assert text.count(_MODULES) == text.count(_START) == 1
    path.write_text(text.replace(_MODULES, str(modules)).replace(_START, before + _START), encoding="utf-8")
    path.chmod(0o755)
    interpreter, *options = text.splitlines()[0].split()
    assert interpreter == "#!/usr/bin/python3"
    return options
