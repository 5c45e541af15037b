"""The way to a host: files, devices and sockets that are there, missing or forbidden, and where programs are."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from condor_kvm_stage.host import FactsError, Host
from support.fake_host import add_program
from support.users import as_the_first_user


def test_program_is_found_by_name_or_path_only_if_it_can_be_run(host: Host) -> None:
    (host.root / "usr/local/bin").mkdir(parents=True)
    (host.root / "usr/bin/directory").mkdir()
    add_program(host, "", "/usr/bin/runs")
    add_program(host, "", "/usr/bin/data", 0o644)
    add_program(host, "", "/usr/local/bin/plugin")
    names = ("runs", "/usr/bin/runs", "data", "directory", "none", "/usr/local/bin/plugin", "plugin")
    assert [host.program(name) for name in names] == [
        "/usr/bin/runs",
        "/usr/bin/runs",
        "",
        "",
        "",
        "/usr/local/bin/plugin",
        "",  # a service has no /usr/local on its path
    ]


def test_missing_file_is_none_and_odd_bytes_are_text(host: Host) -> None:
    (host.root / "file").write_bytes(b"a\xff\n")
    assert host.text("/file") == "a\ufffd\n"
    assert host.text("/none") is None
    assert host.text("/file/below") is None


def test_file_of_a_process_that_has_just_ended_is_none(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc/<pid>/comm can be opened while the process runs, and read after its end."""

    def read_text(*_: object, **__: object) -> str:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))

    monkeypatch.setattr(Path, "read_text", read_text)
    assert host.text("/proc/1/comm") is None


def test_what_cannot_be_read_is_one_message(host: Host) -> None:
    with pytest.raises(FactsError, match=r"^cannot read /usr/bin: Is a directory$"):
        host.text("/usr/bin")


def test_what_this_user_may_not_look_at_is_one_message_and_what_he_may_not_list_is_empty(
    host: Host, request: pytest.FixtureRequest
) -> None:
    (host.root / "private").mkdir()
    add_program(host, "", "/private/file")
    host.path("/private").chmod(0)
    request.getfixturevalue("job_user")
    try:
        with pytest.raises(FactsError, match=r"^cannot read /private/file: Permission denied; run this as root$"):
            host.text("/private/file")
        with pytest.raises(FactsError, match=r"^cannot look at /private/sub: Permission denied; run this as root$"):
            host.is_directory("/private/sub")
        assert (host.names("/private"), host.exists("/private/file"), host.program("/private/file")) == ([], False, "")
    finally:
        with as_the_first_user():
            host.path("/private").chmod(0o700)


def test_directories_are_told_from_files_and_nothing(host: Host) -> None:
    (host.root / "file").touch()
    (host.root / "link").symlink_to("usr/bin")
    paths = ("/usr/bin", "/link", "/file", "/none", "/file/below")
    assert [host.is_directory(path) for path in paths] == [True, True, False, False, False]
    assert host.names("/") == ["file", "link", "usr"]


def test_socket_is_good_only_if_somebody_answers(host: Host) -> None:
    (host.root / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(host.path("/run/sock")))
        daemon.listen()
        assert host.refusal("/run/sock") == ""
    assert host.refusal("/run/sock") == "Connection refused"
    assert host.refusal("/run/none") == "No such file or directory"
    assert host.refusal("/run/" + "x" * 200) == "AF_UNIX path too long"


def test_device_is_opened_for_reading_and_writing(host: Host) -> None:
    (host.root / "device").write_text("was")
    descriptor = host.device("/device")
    try:
        assert os.read(descriptor, 3) == b"was"
        os.write(descriptor, b" changed")
        assert not os.get_inheritable(descriptor)
        with pytest.raises(OSError, match="Inappropriate ioctl"):
            host.ioctl(descriptor, 0xAE00)
    finally:
        os.close(descriptor)
    with pytest.raises(FileNotFoundError):
        host.device("/none")
