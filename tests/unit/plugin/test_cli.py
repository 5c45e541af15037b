"""vm-nfs-plugin as HTCondor starts it: a process of its own, by the interpreter flags of the installed program."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import __version__, installed
from condor_kvm_stage.failures import BY_STATUS
from support.installed_plugin import MODULES

# os and what it brings, and what costs next to nothing; see condor_kvm_stage/plugin/__init__.py
CHEAP_IMPORTS = {"condor_kvm_stage", "_socket", "_stat", "errno", "fcntl", "marshal", "posix", "select", "stat", "time"}


Plugin = Callable[..., "subprocess.CompletedProcess[str]"]


def test_query_passes_on_what_the_generator_found(plugin: Plugin, tmp_path: Path) -> None:
    (tmp_path / "state").write_text('NfsPluginImageDirs = "/srv/images"\nNfsPluginImageDirsFailed = ""\n')
    assert set(plugin("-classad").stdout.splitlines()) >= {
        'StartdAttrs = "NfsPluginVersion,NfsPluginImageDirs,NfsPluginImageDirsFailed"',
        'NfsPluginImageDirs = "/srv/images"',
    }


def test_query_looks_at_no_share_and_at_no_policy(program: list[str], tmp_path: Path) -> None:
    Path(installed.POLICY).write_text("this is no policy")
    command = ["strace", "-f", "-e", "trace=%file,%process", *program, "-classad"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    calls = [line for line in result.stderr.splitlines() if str(tmp_path) in line and "vm-nfs-plugin" not in line]
    assert calls
    assert all(f'"{tmp_path}/state"' in line for line in calls)
    assert not re.search(r"^(\[pid +\d+\] )?(v?fork|clone3?)\(", result.stderr, re.MULTILINE)


def test_staging_imports_only_what_starts_quickly(program: list[str], base: Path, scratch: Path) -> None:
    code = f"import sys; print(*sys.modules); sys.path.insert(0, {str(MODULES)!r})\n"
    code += "from condor_kvm_stage import program\nfrom condor_kvm_stage.plugin.cli import main\n"
    code += f"status = main(['nfs://{base}:disk', '{scratch}/x'])\n"
    code += "print(*sys.modules)\nsys.exit(status)"
    command = [*program[:-1], "-c", code]
    as_job = {**os.environ, "_CONDOR_JOB_AD": "/none"}  # which writes into the journal, too
    done = subprocess.run(command, env=as_job, capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.splitlines()
    loaded = set(lines[-1].split()) - set(lines[0].split())
    assert {name.split(".")[0] for name in loaded} <= CHEAP_IMPORTS


def test_old_protocol_stages_and_prints_the_result(plugin: Plugin, base: Path, scratch: Path) -> None:
    result = plugin(f"nfs:{base}:disk", scratch / "base.qcow2:disk")
    assert (result.returncode, result.stderr) == (0, "")
    assert "TransferSuccess = true" in result.stdout.splitlines()
    assert [path.name for path in scratch.iterdir()] == ["disk"]


def test_old_protocol_reports_a_failure_to_htcondor_and_to_a_human(plugin: Plugin, scratch: Path) -> None:
    result = plugin("nfs:///none:disk", scratch / "none:disk")
    assert result.returncode == 65
    (error,) = re.findall(r'^TransferError = "(.+)"$', result.stdout, re.MULTILINE)
    assert result.stderr == f"vm-nfs-plugin: {error}\n"
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    "arguments", [[], ["-infile"], ["-infile", "x"], ["-outfile", "x", "-outfile", "y"], ["a", "b", "c"], ["-x", "y"]]
)
def test_wrong_usage_shows_the_usage(plugin: Plugin, arguments: list[str]) -> None:
    result = plugin(*arguments)
    assert result.returncode == 64
    assert result.stderr.startswith("usage: vm-nfs-plugin -classad")


def test_help_names_every_exit_status(plugin: Plugin) -> None:
    text = plugin("--help").stdout
    words = text[text.index("exit status:") :].split()
    assert {int(word) for word in words if word.isdigit()} == {0, *BY_STATUS}


def test_help_and_version(plugin: Plugin) -> None:
    assert plugin("--help").stdout.startswith("usage: vm-nfs-plugin -classad")
    assert plugin("--version").stdout == f"vm-nfs-plugin {__version__}\n"


def test_locale_does_not_matter(
    plugin: Plugin,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fake_program: Callable[[str, str], None],
) -> None:
    fake_program("qemu-img", r"printf 'qemu-img: broken \374' >&2; exit 1")
    monkeypatch.setenv("LC_ALL", "de_DE.ISO-8859-1")
    scratch = os.fsencode(tmp_path) + b"/scr\xe4tch"
    os.mkdir(scratch)
    infile, outfile = tmp_path / "in", tmp_path / "out"
    infile.write_bytes(b'[ Url = "nfs://%s?mode=copy:disk"; LocalFileName = "%s/x" ]' % (os.fsencode(base), scratch))
    assert plugin("-infile", infile, "-outfile", outfile).returncode == 74
    written = outfile.read_bytes()
    assert b'TransferFileName = "%s/x"' % scratch in written
    assert "qemu-img failed (exit status 1): broken \ufffd".encode() in written


def test_result_of_the_old_protocol_is_one_attribute_a_line(plugin: Plugin, scratch: Path) -> None:
    lines = plugin("nfs:///none:x\nTransferSuccess = true", scratch / "x").stdout.splitlines()
    assert [line for line in lines if line.startswith("TransferSuccess")] == ["TransferSuccess = false"]


def test_out_file_that_cannot_be_written_is_one_message(plugin: Plugin, tmp_path: Path) -> None:
    result = plugin("-infile", "/dev/null", "-outfile", tmp_path / "none/out")
    assert result.returncode == 74
    assert result.stderr == f"vm-nfs-plugin: cannot write {tmp_path}/none/out: No such file or directory\n"


def test_old_protocol_uploads_and_prints_the_result(
    plugin: Plugin, tmp_path: Path, scratch: Path, site_policy: Callable[[str], None]
) -> None:
    (tmp_path / "out").mkdir()
    site_policy(f'[staging]\noutput_dirs = ["{tmp_path}/out"]\n')
    (scratch / "50%.txt").write_text("result")
    for url in (f"nfs://{tmp_path}/out/", f"NFS://{tmp_path}/out?overwrite=yes/50%.txt"):
        result = plugin(scratch / "50%.txt", url)
        assert (result.returncode, result.stderr) == (0, "")
        said = {"TransferSuccess = true", 'TransferType = "upload"', "TransferTotalBytes = 6"}
        assert said <= set(result.stdout.splitlines())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["50%.txt"]
    assert (tmp_path / "out/50%.txt").read_text() == "result"


def test_old_protocol_uploads_nothing_where_policy_does_not_allow_it(
    plugin: Plugin, tmp_path: Path, scratch: Path
) -> None:
    (scratch / "result").touch()
    result = plugin(scratch / "result", f"nfs://{tmp_path}/")
    assert result.returncode == 77
    assert result.stderr.startswith("vm-nfs-plugin: output may not be written to ")
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize("arguments", [["-classad"], ["--help"], ["nfs:///none:disk", "/none/x"]])
def test_output_that_cannot_be_written_is_one_message(program: list[str], arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*program, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 74
    assert done.stderr.splitlines()[-1] == "vm-nfs-plugin: cannot write the output: No space left on device"
    assert "Traceback" not in done.stderr
