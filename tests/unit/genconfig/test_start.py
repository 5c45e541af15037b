"""How the generator starts and ends: what it does not import, what it does in parallel, lost output."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.genconfig import cli
from condor_kvm_stage.genconfig.probes import collect
from condor_kvm_stage.host import Host
from support.fake_host import add_program, write
from support.installed_plugin import MODULES, REPOSITORY
from support.processes import wait_for

UNSEEN = '[vm]\nmemory = "4G"\nmax_number = 2\n[network]\ntypes = ["nat"]\n'


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """The program's command line, as installed, but with the modules to test."""
    text = (REPOSITORY / "scripts/condor-kvm-stage-genconfig").read_text(encoding="utf-8")
    installed = "/usr/share/condor-kvm-stage/python"
    assert text.count(installed) == 1
    path = tmp_path / "condor-kvm-stage-genconfig"
    path.write_text(text.replace(installed, str(MODULES)), encoding="utf-8")
    return [sys.executable, *text.splitlines()[0].split()[1:], str(path)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree for --root, whose policy sets all values."""
    write(tmp_path / "tree", "etc/condor-kvm-stage/config.toml", UNSEEN)
    (tmp_path / "tree/etc/condor/config.d").mkdir(parents=True)
    return tmp_path / "tree"


def test_all_that_is_printed_arrives(
    program: list[str], tree: Path, policy_of_the_host: None, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--root", str(tree), "--stdout"]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert cli.main(arguments) == 0
    assert (done.returncode, done.stdout, done.stderr) == (0, capsys.readouterr().out, "")


def test_exit_status_and_message_are_those_of_a_failure(program: list[str], tmp_path: Path) -> None:
    command = [*program, "--root", str(tmp_path / "none"), "--write"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("is not a directory; create the tree first\n")
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE, timeout=60, check=False)
    assert (closed.returncode, closed.stderr.decode()) == (1, done.stderr)


def test_output_that_cannot_be_written_is_a_failure(program: list[str], tree: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*program, "--root", str(tree), "--stdout"], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    message = b"condor-kvm-stage-genconfig: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)


@pytest.mark.parametrize("arguments", [["--write"], ["--help"]])
def test_work_is_done_even_if_nobody_hears_of_it(program: list[str], tree: Path, arguments: list[str]) -> None:
    """Neither a short message, which is flushed at once, nor a text that is longer than a buffer, stops it."""
    root = ["--root", str(tree)] if arguments == ["--write"] else []
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*program, *root, *arguments], stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    message = b"condor-kvm-stage-genconfig: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)
    assert (tree / installed.SNIPPET.lstrip("/")).exists() is (arguments == ["--write"])


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["--remove"], ["--check", "nfs:///x:disk"]])
def test_what_renders_nothing_does_without_jinja2(tmp_path: Path, arguments: list[str]) -> None:
    """When the package is removed, jinja2 may be gone; and it takes as long to import as everything else."""
    write(tmp_path, installed.SNIPPET.lstrip("/"), "text")
    code = f"""
import sys
sys.path.insert(0, {str(MODULES)!r})
sys.modules["jinja2"] = None  # not to be imported
from pathlib import Path
from condor_kvm_stage import host
from condor_kvm_stage.genconfig import cli
sys.exit(cli.main(sys.argv[1:], host.Host(Path({str(tmp_path)!r}))))
"""
    done = subprocess.run(
        [sys.executable, "-IBc", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.stdout
    assert (tmp_path / installed.SNIPPET.lstrip("/")).exists() == ("--remove" not in arguments)


def test_programs_answer_all_at_once_while_the_caller_does_something_else(host: Host, tmp_path: Path) -> None:
    write(tmp_path, "proc/cpuinfo", "processor\t: 0\n")
    write(tmp_path, "proc/meminfo", "MemTotal:       16384000 kB\n")
    answers = {
        "libvirtd": "libvirtd (libvirt) 12.8.0",
        "condor_config_val": "CONDOR_VERSION = 25.14.1\n # at: <Default>",
    }
    for name, text in answers.items():
        wait = f"touch {tmp_path}/{name}; while [ ! -e {tmp_path}/go ]; do sleep 0.01; done"
        add_program(host, f"#!/bin/sh\n{wait}\necho '{text}'\n", f"/usr/bin/{name}")

    def prepare() -> None:
        wait_for(lambda: all((tmp_path / name).exists() for name in answers), "both programs run")
        (tmp_path / "go").touch()

    found = collect.collect(host, prepare)
    assert (found.libvirt.version, found.htcondor.version) == ((12, 8, 0), (25, 14, 1))
