"""tools/record-host and the layers of the corpus: private data are replaced, and base and differences are the host."""

from __future__ import annotations

import copy
import os
import pwd
import socket
from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.checks import run
from recorder import edits, folder, layers, scrub, toml_writer
from recorder.recording_host import Recording, RecordingHost
from support.fake_host import add_program, write
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


def test_edit_that_no_longer_fits_its_base_is_an_error(tmp_path: Path) -> None:
    program = {"path": "/usr/bin/x", "output": "one\n"}
    host(tmp_path, "base", toml_writer.document({**WHOLE, "programs": [program]}))
    edit = {"path": "/usr/bin/x", "replace": [["two\n", "2\n"]]}
    own = host(tmp_path, "own", toml_writer.document({"base": "base", "programs": [edit]}))
    with pytest.raises(layers.LayerError, match="own: the base's output of /usr/bin/x does not have this once"):
        layers.record(own)


def test_program_that_the_base_lacks_is_recorded_whole(tmp_path: Path) -> None:
    base = host(tmp_path, "base", toml_writer.document({**WHOLE, "sockets": {}, "programs": []}))
    program = {"path": "/usr/bin/x", "output": "one\n"}
    own = host(tmp_path, "own", toml_writer.document({**WHOLE, "sockets": {}, "programs": [program]}))
    layers.reduce_to_difference(own, base)
    assert layers.record(own)["programs"] == [program]


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


KNOWN = scrub.Scrubber(["node7.physics.uni.example.de", "node7"], ["alice", "condor"])


@pytest.mark.parametrize(
    ("private", "recorded"),
    [
        ("FULL_HOSTNAME = node7.physics.uni.example.de", "FULL_HOSTNAME = worker.example.org"),
        ("slot1@NODE7", "slot1@worker"),
        ("nodes node70 malice", "nodes node70 malice"),
        ("filer.uni.example.de:/export", "host1.example.org:/export"),
        ("uni.example.de", "example.org"),
        ('Owner == "alice"', 'Owner == "user1"'),
        ("/home/carol/x", "/home/home1/x"),
        ("job user=condor, kvm", "job user=condor, kvm"),
        ("see www.cern.ch, not box_plugin.py", "see host1.example.org, not box_plugin.py"),
        ("nfs://bob@filer/x nfs:///srv/x", "nfs://host1.example.org/x nfs:///srv/x"),
        ("<bob@cern.ch>", "<mail1@example.org>"),
        ("10.1.2.3 10.1.2.4 10.1.2.3", "192.0.2.1 192.0.2.2 192.0.2.1"),
        ("127.0.0.1 25.14.1 0.0.0.0", "127.0.0.1 25.14.1 0.0.0.0"),
        ("fe80::1ff:fe23:4567:890a ::1", "2001:db8::1 ::1"),
        ("0::/init.scope 12:48:01 /usr/lib::/x", "0::/init.scope 12:48:01 /usr/lib::/x"),
        ("52:54:00:ab:cd:ef", "52:54:00:00:00:01"),
        ("<uuid>4c4c4544-0042-3510-8052-b4c04f4e3132</uuid>", "<uuid>00000000-0000-4000-8000-000000000001</uuid>"),
        ("Serial\t\t: 100000003d1f\n<serial>S3Z</serial>", "Serial\t\t: 0\n<serial>0</serial>"),
        ("kvm 1 0 - Live 0xffffffffc0a00000", "kvm 1 0 - Live 0x0000000000000000"),
        ("START = TARGET.Os && MY.Id", "START = TARGET.Os && MY.Id"),
    ],
)
def test_what_is_private_is_replaced(private: str, recorded: str) -> None:
    scrubber = copy.deepcopy(KNOWN)
    assert scrubber.text(private) == recorded
    assert scrubber.text(recorded) == recorded
    assert bool(scrubber.replaced) == (private != recorded) or "Serial" in private or "0xf" in private


def test_names_that_say_nothing_are_left_alone() -> None:
    assert scrub.Scrubber(["kvm"], ["nfs", "ab"]).text("VM_TYPE = kvm, nfs, ab") == "VM_TYPE = kvm, nfs, ab"


def test_of_mounts_those_of_the_system_and_named_ones_are_taken() -> None:
    mounts = (
        "22 1 8:1 / / rw - xfs /dev/sda1 rw\n"
        "30 22 0:9 / /srv/images rw - nfs4 filer:/export/images rw,vers=4.2,clientaddr=10.1.2.3\n"
        "31 22 0:8 / /home/secret rw - cifs //smb.cern.ch/share rw,username=bob\n"
        "32 22 0:7 / /srv/cifs rw - cifs //smb/share rw,username=bob\n"
    )
    assert scrub.Scrubber().mounts(mounts, "image_dirs = ['/srv/images', '/srv/cifs']") == (
        "22 1 8:1 / / rw - xfs /dev/sda1 rw\n"
        "30 22 0:9 / /srv/images rw - nfs4 host1.example.org:/export/images rw,vers=4.2\n"
        "32 22 0:7 / /srv/cifs rw - cifs //host2.example.org/share rw\n"
    )


def test_names_of_this_host_and_its_people_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "node7", "", "", "x86_64")))
    monkeypatch.setattr(socket, "getfqdn", lambda: "node7.physics.uni.example.de")
    users = {"alice": 1000, "dnsmasq": 994}
    people = [pwd.struct_passwd((name, "x", uid, uid, "", "/", "/bin/sh")) for name, uid in users.items()]
    monkeypatch.setattr(pwd, "getpwall", lambda: people)
    text = scrub.of_this_host("batch3").text("node7 batch3 node7.physics.uni.example.de alice dnsmasq")
    assert text == "worker worker worker.example.org user1 dnsmasq"


def test_what_the_generator_looks_at_is_recorded(tmp_path: Path, policy_of_the_host: None) -> None:
    """The policy, too, which its reader opens itself; of what is only looked for, that it is there."""
    root, into = tmp_path / "root", tmp_path / "host"
    write(root, "etc/condor-kvm-stage/config.toml", '[staging]\nimage_dirs = ["/srv/images"]\n')
    write(root, "proc/cpuinfo", "processor\t: 0\nflags\t: vmx\n\nprocessor\t: 1\nflags\t: vmx\n\n")
    write(root, "proc/meminfo", "MemTotal:       65536000 kB\n")
    write(root, "dev/vhost-net", "private")
    write(root, "sys/kernel/iommu_groups/0/type", "DMA\n")
    write(root, "etc/shadow", "private")
    host = RecordingHost(root)
    add_program(host, "#!/bin/sh\necho a $1\n", "/usr/bin/condor_config_val")
    add_program(host, "#!/bin/sh\n", "/usr/bin/passt")
    run.gather(host)
    folder.write_files(host, into, scrub.Scrubber())
    files = {str(path.relative_to(into)): path.read_text() for path in into.rglob("*") if path.is_file()}
    assert files["etc/condor-kvm-stage/config.toml"].startswith("[staging]")
    assert files["proc/cpuinfo"] == "processor\t: 0\nflags\t: vmx\n\nprocessor\t: 1\n"
    assert files["dev/vhost-net"] == files["sys/kernel/iommu_groups/0/.keep"] == ""
    assert "private" not in files.values()
    record = folder.record(host, "a host", scrub.Scrubber())
    assert record["kvm"] == "ENOENT"
    assert record["installed"] == ["/usr/bin/passt"]
    assert {"path": "/usr/bin/condor_config_val", "output": "a -subsystem\n"} in record["programs"]


def test_answers_of_one_program_are_told_apart_by_a_word() -> None:
    recording = Recording()
    one, other = Answer(0, "1"), Answer(3, "", "no")
    recording.answers = [(("/bin/x", "-q", "a"), one), (("/bin/x", "-q", "b"), other), (("/bin/x", "-q"), other)]
    assert folder.answers(recording) == [
        {"path": "/bin/x", "when": "a", "output": "1"},
        {"path": "/bin/x", "when": "b", "status": 3, "errors": "no"},
        {"path": "/bin/x", "status": 3, "errors": "no"},
    ]


def test_bulk_of_libvirts_documents_is_left_out() -> None:
    recording = Recording()
    text = "<host>\n  <cpu>\n    <arch/>\n  </cpu>\n  <secmodel/>\n</host>\n"
    recording.answers = [(("/bin/virsh",), Answer(0, text))]
    assert folder.answers(recording)[0]["output"] == "<host>\n  <secmodel/>\n</host>\n"
