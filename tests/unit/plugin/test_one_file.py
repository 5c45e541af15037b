"""The plug-in starts from one file with the bytecode of its modules, where it is there and is of these modules."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from condor_kvm_stage import one_file
from support import installed_plugin
from support.installed_plugin import MODULES

# Loaded before the file is used
LOADER = {"condor_kvm_stage", "condor_kvm_stage.one_file"}
MAKE = "import sys; sys.path.insert(0, {!r}); from condor_kvm_stage.plugin import compiled; compiled.make()"
SHOW = """\
import atexit, sys
sys.stderr.write(" ".join(f"{name}:{'one' if 'one_file' in repr(type(module.__spec__.loader)) else 'own'}"
    for name, module in sys.modules.items() if name.startswith("condor_kvm_stage")) + "\\n")
"""


class Installed:
    """A copy of the plug-in with its file, as the package's scriptlet makes it."""

    def __init__(self, directory: Path) -> None:
        self._program = directory / "vm-nfs-plugin"
        self.modules = installed_plugin.copy_modules(directory)
        before = "import condor_kvm_stage.plugin.transfer\n" + SHOW
        self._options = installed_plugin.write(self._program, self.modules, before)
        flags = ["-IBSOO", "-Xno_debug_ranges"]
        subprocess.run([sys.executable, *flags, "-c", MAKE.format(str(self.modules))], timeout=60, check=True)
        (self.file,) = self.modules.rglob("one_file_of_*.pyc")

    def stage(self, image: Path, directory: Path) -> tuple[dict[str, str], str]:
        """Stage an image. Returns from where each module comes, and what was printed."""
        command = [sys.executable, *self._options, str(self._program), f"nfs://{image}:disk", f"{directory}/x"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        shown, _, errors = done.stderr.partition("\n")
        return dict(word.split(":") for word in shown.split()), done.stdout + errors


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def own(found: dict[str, str]) -> set[str]:
    """The modules that come from a file of their own."""
    assert len(found) > 30
    return {name for name, origin in found.items() if origin == "own"}


def test_all_modules_of_a_staging_come_from_the_file(installed: Installed, base: Path, scratch: Path) -> None:
    found, said = installed.stage(base, scratch)
    assert own(found) == LOADER
    assert "TransferSuccess = true" in said
    assert (scratch / "disk").exists()
    for kind in ("qcow2_header", "qcow2_end", "raw_end"):
        assert f"condor_kvm_stage.images.{kind}" in marshal.loads(installed.file.read_bytes())[1]


def test_module_that_is_seldom_needed_comes_from_its_own_file(installed: Installed, tmp_path: Path) -> None:
    image = tmp_path / "x.html"
    image.write_text("<!DOCTYPE html>" + " " * 1000)
    found, said = installed.stage(image, tmp_path)
    assert own(found) == LOADER
    assert "an HTML page" in said
    assert "condor_kvm_stage.images.text_files" not in marshal.loads(installed.file.read_bytes())[1]


def test_source_that_is_newer_counts(installed: Installed, base: Path, scratch: Path) -> None:
    module = installed.modules / "condor_kvm_stage/plugin/stage.py"
    module.write_text(module.read_text() + "\n\ndef stage(*_):\n    raise ZeroDivisionError\n")
    found, said = installed.stage(base, scratch)
    assert own(found) == {*LOADER, "condor_kvm_stage.plugin.stage"}
    assert "bug in vm-nfs-plugin, please report it: ZeroDivisionError" in said


def test_source_of_the_same_time_is_the_one_that_was_compiled(installed: Installed, base: Path, scratch: Path) -> None:
    """In an image that is built, all files may have one time."""
    for path in (installed.file, *installed.modules.rglob("*.py")):
        os.utime(path, (0, 0))
    found, _ = installed.stage(base, scratch)
    assert own(found) == LOADER


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no bytecode",
        marshal.dumps(1),
        marshal.dumps((("0.0.1", sys.version), {"condor_kvm_stage.plugin": ("/x/__init__.py", True, b"")})),
        marshal.dumps(((one_file.identity()[0], "3.1"), {"condor_kvm_stage.plugin": ("/x/__init__.py", True, b"")})),
        None,
    ],
)
def test_file_of_another_version_or_python_or_none_is_not_used(
    installed: Installed, base: Path, scratch: Path, content: bytes | None
) -> None:
    if content is None:
        installed.file.unlink()
    else:
        whole = installed.file.read_bytes()
        for damaged in (content, whole[: len(whole) // 2]):
            installed.file.write_bytes(damaged)
            assert set(installed.stage(base, scratch)[0].values()) == {"own"}
            (scratch / "disk").unlink()
    found, said = installed.stage(base, scratch)
    assert set(found.values()) == {"own"}
    assert "TransferSuccess = true" in said


def test_traceback_of_a_bug_names_the_line_of_the_source(installed: Installed, tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.insert(0, {str(installed.modules)!r})
from condor_kvm_stage import one_file
one_file.use("vm-nfs-plugin")
from condor_kvm_stage.plugin import url
url.parse_stage(None)
"""
    done = subprocess.run([sys.executable, "-IBSc", code], capture_output=True, text=True, timeout=60, check=False)
    assert f'File "{installed.modules}/condor_kvm_stage/plugin/url.py", line ' in done.stderr
    assert installed.modules != MODULES
