"""libvirt on a host: which daemon, whether it listens, its version and network."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, failed
from condor_kvm_stage.genconfig.probes import libvirt
from condor_kvm_stage.genconfig.probes.libvirt import Libvirt
from condor_kvm_stage.genconfig.probes.versions import version_in
from condor_kvm_stage.host import Host
from support.fake_host import FakeHost

MODULAR = "/run/libvirt/virtqemud-sock"
MONOLITHIC = "/run/libvirt/libvirt-sock"
NOBODY_LISTENS = (
    "no libvirt daemon listens (/run/libvirt/virtqemud-sock: No such file or directory, "
    "/run/libvirt/libvirt-sock: No such file or directory)"
)


def test_host_without_libvirt_has_none_of_it(tmp_path: Path) -> None:
    assert libvirt.probe(FakeHost(tmp_path)) == Libvirt(failed(NOBODY_LISTENS), "", (), False, False)


def test_host_with_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "run/libvirt/network").mkdir(parents=True)
    (tmp_path / "run/libvirt/network/default.xml").write_text("<networkstatus/>")
    programs = {"/usr/sbin/libvirtd": Answer(0, "libvirtd (libvirt) 12.8.0\n"), "/usr/bin/passt": Answer(0)}
    host = FakeHost(tmp_path, sockets=(MONOLITHIC,), programs=programs)
    assert libvirt.probe(host) == Libvirt(PASSED, "libvirtd", (12, 8, 0), True, True)


def test_modular_daemon_is_asked_first(tmp_path: Path) -> None:
    programs = {
        "/usr/sbin/libvirtd": Answer(0, "libvirtd (libvirt) 12.8.0\n"),
        "/usr/sbin/virtqemud": Answer(0, "virtqemud (libvirt) 9.0.0\n"),
    }
    found = libvirt.probe(FakeHost(tmp_path, sockets=(MODULAR,), programs=programs))
    assert found == Libvirt(PASSED, "virtqemud", (9, 0, 0), False, False)


@pytest.mark.parametrize("path", [MODULAR, MONOLITHIC])
def test_one_listening_socket_is_enough(tmp_path: Path, path: str) -> None:
    assert libvirt.probe(FakeHost(tmp_path, sockets=(path,))).listens.passed


def test_network_that_is_defined_but_not_active_is_none(tmp_path: Path) -> None:
    (tmp_path / "etc/libvirt/qemu/networks").mkdir(parents=True)
    (tmp_path / "etc/libvirt/qemu/networks/default.xml").touch()
    (tmp_path / "run/libvirt/network").mkdir(parents=True)
    (tmp_path / "run/libvirt/network/other.xml").touch()
    assert not libvirt.probe(FakeHost(tmp_path)).nat_network


@pytest.mark.parametrize(
    "answer", [Answer(-1, fault="libvirtd did not end within 5 s"), Answer(127, "", "error: libvirt.so.0"), Answer(0)]
)
def test_daemon_that_does_not_say_its_version_has_an_unknown_one(tmp_path: Path, answer: Answer) -> None:
    found = libvirt.probe(FakeHost(tmp_path, programs={"/usr/sbin/libvirtd": answer}))
    assert (found.daemon, found.version) == ("libvirtd", ())


def test_socket_of_a_dead_daemon_is_no_libvirt(tmp_path: Path) -> None:
    (tmp_path / "run/libvirt").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(tmp_path / MONOLITHIC.lstrip("/")))
        daemon.listen()
        assert libvirt.probe(Host(tmp_path)).listens.passed
    assert f"{MONOLITHIC}: Connection refused" in libvirt.probe(Host(tmp_path)).listens.reason


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("libvirtd (libvirt) 12.8.0\n", (12, 8, 0)),
        ("virtqemud (libvirt) 9.0.0", (9, 0, 0)),
        ("25.14.1", (25, 14, 1)),
        ("$CondorVersion: 23.9.6 2024-08-08 BuildID: Debian-23.9.6-1 $", (23, 9, 6)),
        ("first 1.2 then 3.4.5", (1, 2)),
        ("libvirtd 12", ()),
        ("1.2.x 1..2 .1. ٣.٤", ()),
        ("", ()),
    ],
)
def test_version_is_the_first_word_of_numbers(text: str, version: tuple[int, ...]) -> None:
    assert version_in(text) == version


@given(st.text() | st.text(st.sampled_from("12. x²٣\n")))
def test_any_text_has_a_version_or_none(text: str) -> None:
    found = version_in(text)
    assert len(found) != 1
    assert all(number >= 0 for number in found)
