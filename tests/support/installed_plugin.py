"""A copy of the installed program: with its modules, and the node's files that it reads, where a test has them."""

from __future__ import annotations

import shutil
from pathlib import Path

import condor_kvm_stage
from condor_kvm_stage.genconfig.probes import programs
from condor_kvm_stage.host import Host

REPOSITORY = Path(__file__).parents[2]
# The modules that are tested: the repository's; or, where PYTHONPATH says so, those of the package, below some root
MODULES = Path(condor_kvm_stage.__file__).resolve().parents[1]
_MODULES = "/usr/share/condor-kvm-stage/python"
_START = "run(main,"


def copy_modules(directory: Path) -> Path:
    """Copy the plug-in's modules to where all may read them, as in this repository they may not. Returns the copy."""
    copy = directory / "python"
    shutil.copytree(MODULES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def write(path: Path, modules: Path, before: str) -> list[str]:
    """Write the program to path. before: lines that it runs first. Returns the options of its interpreter."""
    text = _program().read_text(encoding="utf-8")
    assert text.count(_MODULES) == text.count(_START) == 1
    path.write_text(text.replace(_MODULES, str(modules)).replace(_START, before + _START), encoding="utf-8")
    path.chmod(0o755)
    interpreter, *options = text.splitlines()[0].split()
    assert interpreter == "#!/usr/bin/python3"
    return options


def _program() -> Path:
    """The program that goes with the modules."""
    if not str(MODULES).endswith(_MODULES):
        return REPOSITORY / "scripts/vm-nfs-plugin"
    root = Host(Path(str(MODULES)[: -len(_MODULES)] or "/"))
    return root.path(programs.plugin(root))
