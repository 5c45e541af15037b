"""tools/record-host and the layers of the corpus: private data are replaced, and base and differences are the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recorder import edits, layers, scrub, toml_writer
from support.recorded_hosts import HOSTS

pytestmark = pytest.mark.needs_repository

CORPUS = sorted(path.parent for path in HOSTS.glob("*/host.toml"))
WHOLE = {"about": "a host", "machine": "x86_64", "kvm": "ok", "root": True, "installed": ["/usr/bin/a"]}


def host(root: Path, name: str, text: str, **files: str) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "host.toml").write_text(text)
    for path, content in files.items():
        (folder / path).write_text(content)
    return folder


def test_host_is_its_base_and_what_differs(tmp_path: Path) -> None:
    program = {"path": "/usr/bin/x", "output": "one\ntwo\nthree\n"}
    base = host(tmp_path, "base", toml_writer.document({**WHOLE, "sockets": {}, "programs": [program]}), a="1", b="2")
    other = {
        **WHOLE,
        "kvm": "ENOENT",
        "sockets": {"/run/s": "ok"},
        "programs": [{**program, "output": "one\n2\nthree\n"}],
    }
    own = host(tmp_path, "own", toml_writer.document(other), a="1", c="3")
    before = layers.record(own)
    layers.reduce_to_difference(own, base)
    assert sorted(path.name for path in own.iterdir()) == ["c", "host.toml"]
    assert layers.read(own)["absent"] == ["/b"]
    assert "machine" not in layers.read(own)
    after = layers.record(own)
    assert {key: after[key] for key in before} == before
    (tmp_path / "root").mkdir()
    layers.lay_out(own, tmp_path / "root")
    assert {path.name: path.read_text() for path in (tmp_path / "root").iterdir()} == {"a": "1", "c": "3"}


def test_loop_of_bases_is_an_error_in_words(tmp_path: Path) -> None:
    host(tmp_path, "a", 'base = "b"\n')
    host(tmp_path, "b", 'base = "a"\n')
    with pytest.raises(layers.LayerError, match=r"form a loop: .*; let one of them stand alone"):
        layers.record(tmp_path / "a")


def test_base_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(layers.LayerError, match=r"the base of a has no host.toml: .*nowhere"):
        layers.record(host(tmp_path, "a", 'base = "nowhere"\n'))


@pytest.mark.parametrize("folder", CORPUS, ids=lambda folder: folder.name)
def test_host_repeats_nothing_of_its_base(folder: Path, tmp_path: Path) -> None:
    *bases, _ = layers.chain(folder)
    if bases:
        layers.lay_out(bases[-1], tmp_path)
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        same = [path for path in files if (tmp_path / path.relative_to(folder)).is_file()]
        same = [path for path in same if (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes()]
        assert [path for path in same if path.name not in layers.GOLDEN] == []


@pytest.mark.parametrize(("old", "new"), [("a\nb\na\n", "a\nc\na\n"), ("", "x\n"), ("x\nx\nx\n", "x\ny\nx\nz\n")])
def test_edits_make_one_text_of_the_other(old: str, new: str) -> None:
    text = old
    for before, after in edits.between(old, new):
        assert text.count(before) == 1 or not before
        text = text.replace(before, after)
    assert text == new


@pytest.mark.parametrize("value", ["a", 'a"b', "a\\b", "line\nline\n", "'''\n", "tab\t\n", "ü", True, 7, ["a", "b'"]])
def test_what_is_written_is_read_again(value: object, tmp_path: Path) -> None:
    folder = host(tmp_path, "x", toml_writer.document({"key": value}))
    assert layers.read(folder) == {"key": value}


PRIVATE = """\
node7 node7.cern.example alice Alice's 10.1.2.3 fe80::1ff:fe23:4567:890a 52:54:00:ab:cd:ef
4c4c4544-0042-3510-8052-b4c04f4e3132 NODE7 nodes node70 127.0.0.1 malice 25.14.1 /usr/lib::/x
"""


def test_what_is_private_is_replaced_and_said() -> None:
    scrubber = scrub.Scrubber({"node7": scrub.HOST, "cern.example": scrub.DOMAIN, "alice": "user1"})
    assert scrubber.text(PRIVATE) == (
        "worker worker.example.org user1 user1's 192.0.2.1 2001:db8::1 52:54:00:00:00:01\n"
        "00000000-0000-0000-0000-000000000000 worker nodes node70 127.0.0.1 malice 25.14.1 /usr/lib::/x\n"
    )
    assert {"node7", "alice", "10.1.2.3", "52:54:00:ab:cd:ef"} <= scrubber.replaced


def test_files_of_a_folder_are_scrubbed(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hosts").write_text("10.1.2.3 node7\n")
    scrub.Scrubber({"node7": "worker"}).folder(tmp_path)
    assert (tmp_path / "etc/hosts").read_text() == "192.0.2.1 worker\n"


def test_this_hosts_name_is_known() -> None:
    name = os.uname().nodename
    assert name == "localhost" or scrub.of_this_host().text(f"on {name}.") == f"on {scrub.HOST}."
