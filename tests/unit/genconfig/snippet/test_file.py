"""The snippet's file: written only if that changes something, and edits are kept."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from condor_kvm_stage import atomic_file, installed
from condor_kvm_stage.errors import KvmStageError
from condor_kvm_stage.genconfig.snippet import checksum, file
from condor_kvm_stage.host import FactsError, Host
from condor_kvm_stage.messages import NOTICE, Message
from support.users import as_the_first_user

OLD = checksum.added("VM_MEMORY = 1\n")
NEW = checksum.added("VM_MEMORY = 2\n")
EDITED = OLD.replace("1\n", "12345\n", 1)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "etc/condor/config.d").mkdir(parents=True)
    return Host(tmp_path)


def put(host: Host, text: str) -> list[str]:
    return [line.text for line in file.put(text, host)]


def copies(host: Host) -> list[Path]:
    return [host.path(installed.COPIES) / name for name in host.names(installed.COPIES)]


def test_snippet_is_written_readable_for_all_whatever_the_umask(host: Host) -> None:
    umask = os.umask(0o077)
    try:
        assert put(host, NEW) == [f"wrote {installed.SNIPPET}"]
    finally:
        os.umask(umask)
    assert host.text(installed.SNIPPET) == NEW
    assert stat.S_IMODE(host.path(installed.SNIPPET).stat().st_mode) == 0o644
    assert host.names("/etc/condor/config.d") == [Path(installed.SNIPPET).name]


def test_snippet_that_is_there_already_is_not_touched(host: Host) -> None:
    put(host, NEW)
    before = host.path(installed.SNIPPET).stat()
    assert put(host, NEW) == []
    after = host.path(installed.SNIPPET).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_snippet_that_htcondor_cannot_read_is_written_again(host: Host) -> None:
    put(host, NEW)
    host.path(installed.SNIPPET).chmod(0o600)
    assert put(host, NEW) == [f"wrote {installed.SNIPPET}"]
    assert stat.S_IMODE(host.path(installed.SNIPPET).stat().st_mode) == 0o644


def test_older_snippet_that_nobody_edited_is_replaced_without_a_copy(host: Host) -> None:
    put(host, OLD)
    assert put(host, NEW) == [f"wrote {installed.SNIPPET}"]
    assert host.text(installed.SNIPPET) == NEW
    assert not host.exists(installed.COPIES)


def test_edited_snippet_is_kept_and_reported_before_it_is_replaced(host: Host) -> None:
    host.path(installed.SNIPPET).write_text(EDITED)
    lines = file.put(NEW, host)
    first = next(lines)
    (copy,) = copies(host)
    assert re.fullmatch(r"50-condor-kvm-stage\.conf\.\d{4}-\d\d-\d\dT\d{6}Z\.rpmsave", copy.name)
    assert first.text.startswith(
        f"{installed.SNIPPET} has been edited, and is replaced; kept as {installed.COPIES}/{copy.name} ("
    )
    assert (host.text(installed.SNIPPET), copy.read_text()) == (EDITED, EDITED)
    assert [line.text for line in lines] == [f"wrote {installed.SNIPPET}"]
    assert (host.text(installed.SNIPPET), copy.read_text()) == (NEW, EDITED)


def test_removal_takes_the_snippet_away_and_says_so_once(host: Host) -> None:
    put(host, NEW)
    assert list(file.remove(host)) == [Message(f"removed {installed.SNIPPET}")]
    assert not host.exists(installed.SNIPPET)
    assert list(file.remove(host)) == []
    assert copies(host) == []


def test_removal_keeps_a_snippet_that_somebody_has_edited_and_tells_the_administrator(host: Host) -> None:
    host.path(installed.SNIPPET).write_text(EDITED)
    told, done = file.remove(host)
    (copy,) = copies(host)
    assert told == Message(f"{installed.SNIPPET} has been edited; kept as {installed.COPIES}/{copy.name}", NOTICE)
    assert done.text == f"removed {installed.SNIPPET}"
    assert copy.read_text() == EDITED
    assert not host.exists(installed.SNIPPET)


def test_edited_snippet_that_cannot_be_kept_is_not_removed(host: Host) -> None:
    host.path(installed.SNIPPET).write_text(EDITED)
    host.path("/etc/condor-kvm-stage").touch()
    with pytest.raises(file.SnippetError, match=r"cannot keep /etc/condor/config\.d/50-"):
        list(file.remove(host))
    assert host.text(installed.SNIPPET) == EDITED


def test_copy_is_the_same_to_the_byte(host: Host) -> None:
    written = b"# caf\xe9, as in Latin-1\r\n" + OLD.encode()
    host.path(installed.SNIPPET).write_bytes(written)
    put(host, NEW)
    (copy,) = copies(host)
    assert copy.read_bytes() == written


def test_snippet_of_somebody_elses_is_kept_too(host: Host) -> None:
    host.path(installed.SNIPPET).write_text("VM_MEMORY = 7\n")
    put(host, NEW)
    (copy,) = copies(host)
    assert copy.read_text() == "VM_MEMORY = 7\n"


def test_host_without_htcondor_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(file.SnippetError, match=r"/etc/condor/config.d does not exist; install HTCondor \(package con"):
        put(Host(tmp_path), NEW)
    assert list(tmp_path.iterdir()) == []


def test_edited_snippet_that_cannot_be_kept_is_not_replaced(host: Host) -> None:
    host.path(installed.SNIPPET).write_text(EDITED)
    host.path(installed.COPIES).write_text("a file, where the directory should be")
    with pytest.raises(file.SnippetError, match=r"cannot keep .*\.conf, which has been edited, in .*: File exists$"):
        put(host, NEW)
    assert host.text(installed.SNIPPET) == EDITED


@pytest.mark.parametrize(
    ("text", "failure"),
    [(OLD, r"write .*\.conf"), (EDITED, r"keep .*\.conf, which has been edited, in /etc/condor-kvm-stage")],
)
def test_user_who_may_not_write_is_told_what_to_do(
    host: Host, request: pytest.FixtureRequest, text: str, failure: str
) -> None:
    host.path(installed.SNIPPET).write_text(text)
    directories = [host.path(path) for path in ("/etc", "/etc/condor/config.d")]
    for directory in directories:
        directory.chmod(0o555)
    request.getfixturevalue("job_user")
    try:
        with pytest.raises(KvmStageError, match=rf"^cannot {failure}: Permission denied; run this as root$"):
            put(host, NEW)
    finally:
        with as_the_first_user():
            for directory in directories:
                directory.chmod(0o755)
    assert host.text(installed.SNIPPET) == text


def test_path_that_is_a_directory_is_one_message(host: Host) -> None:
    host.path(installed.SNIPPET).mkdir()
    with pytest.raises(FactsError, match=r"cannot read .*: Is a directory"):
        put(host, NEW)


def test_what_a_killed_writer_left_is_no_obstacle(host: Host) -> None:
    """In a container the generator may have the same pid each time."""
    left = host.path(installed.SNIPPET).with_name(f".{Path(installed.SNIPPET).name}.{os.getpid()}.tmp")
    left.write_text("half")
    assert put(host, NEW) == [f"wrote {installed.SNIPPET}"]
    assert not left.exists()


def test_new_file_that_does_not_get_complete_leaves_the_old_one(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    put(host, OLD)
    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(atomic_file.WriteError, match=r"cannot write .*: No space left on device$"):
        put(host, NEW)
    assert host.text(installed.SNIPPET) == OLD
    assert host.names("/etc/condor/config.d") == [Path(installed.SNIPPET).name]


def test_symlink_is_replaced_not_followed(host: Host) -> None:
    (host.root / "elsewhere").write_text(OLD)
    host.path(installed.SNIPPET).symlink_to(host.root / "elsewhere")
    put(host, NEW)
    assert (host.root / "elsewhere").read_text() == OLD
    assert not host.path(installed.SNIPPET).is_symlink()


def test_diff_shows_what_would_be_done(host: Host) -> None:
    assert file.diff(NEW, host).startswith(f"--- /dev/null\n+++ {installed.SNIPPET}\n@@ -0,0 +1,2 @@\n+VM_MEMORY = 2\n")
    put(host, OLD)
    assert f"--- {installed.SNIPPET}\n+++ {installed.SNIPPET}\n@@ -1,2 +1,2 @@\n-VM_MEMORY = 1\n" in file.diff(
        NEW, host
    )
    assert file.diff(OLD, host) == ""
    assert host.text(installed.SNIPPET) == OLD
