"""The snippet: rendered as the golden files say, put in place whole, and only when it changed."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from condor_kvm_stage.genconfig import snippet
from condor_kvm_stage.genconfig.atomic import WriteError
from condor_kvm_stage.genconfig.snippet import PATH, SnippetError, Values

# A version of its own, so that the golden files do not change with every release
WORKER = Values(version="VERSION", ram_mib=64000, vm_memory_mib=60800, nat_network=False, no_vm="")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("worker.conf", WORKER),
        ("worker-nat.conf", dataclasses.replace(WORKER, nat_network=True)),
        ("no-kvm.conf", dataclasses.replace(WORKER, no_vm="cannot open /dev/kvm: No such file or directory")),
    ],
)
def test_snippet_is_rendered_as_the_golden_file(golden: Callable[[str, str], None], name: str, values: Values) -> None:
    golden(name, snippet.render(values))


def test_a_name_that_the_template_does_not_get_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{PATH.name}.j2").write_text("VM_MEMORY = {{ vm_memroy }}\n")
    monkeypatch.setattr(snippet, "_TEMPLATES", tmp_path)
    with pytest.raises(jinja2.UndefinedError):
        snippet.render(WORKER)


def test_snippet_is_written_once_and_again_only_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / PATH
    path.parent.mkdir(parents=True)
    assert snippet.installed(tmp_path) is None
    assert snippet.write("A = 1\n", tmp_path)
    first = path.stat()
    assert not snippet.write("A = 1\n", tmp_path)
    assert path.stat().st_mtime_ns == first.st_mtime_ns
    assert snippet.write("A = 2\n", tmp_path)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("A = 2\n", 0o644)
    assert [other.name for other in path.parent.iterdir()] == [PATH.name]


def test_every_user_may_read_the_snippet_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / PATH
    path.parent.mkdir(parents=True)
    umask = os.umask(0o077)
    try:
        assert snippet.write("A = 1\n", tmp_path)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    assert snippet.write("A = 1\n", tmp_path)
    assert path.stat().st_mode & 0o777 == 0o644


def test_half_written_snippet_is_in_a_dot_file_which_htcondor_does_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = (tmp_path / PATH).parent
    directory.mkdir(parents=True)
    during: list[str] = []
    monkeypatch.setattr("os.fsync", lambda _: during.extend(path.name for path in directory.iterdir()))
    assert snippet.write("A = 1\n", tmp_path)
    assert len(during) == 1
    assert during[0].startswith(".")


def test_failed_write_leaves_the_old_snippet_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / PATH
    path.parent.mkdir(parents=True)
    path.write_text("A = 1\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WriteError, match=r"cannot write .*: No space left on device"):
        snippet.write("A = 2\n", tmp_path)
    assert path.read_text() == "A = 1\n"
    assert [other.name for other in path.parent.iterdir()] == [PATH.name]


def test_host_without_htcondor_is_told_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SnippetError, match="install HTCondor"):
        snippet.write("A = 1\n", tmp_path)
