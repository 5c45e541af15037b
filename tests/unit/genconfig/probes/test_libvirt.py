"""libvirt on a host: which daemon, whether it listens, its version and network."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, Outcome, failed, not_tried, unknown
from condor_kvm_stage.genconfig.probes import libvirt
from condor_kvm_stage.genconfig.probes.libvirt import Libvirt
from condor_kvm_stage.genconfig.probes.versions import version_in
from condor_kvm_stage.host import Host
from support.fake_host import FakeHost

MODULAR = "/run/libvirt/virtqemud-sock"
MONOLITHIC = "/run/libvirt/libvirt-sock"
ACTIVE = Answer(0, "Name:           default\nActive:         yes\nPersistent:     yes\n")
NOBODY_LISTENS = (
    "no libvirt daemon listens (/run/libvirt/virtqemud-sock: No such file or directory, "
    "/run/libvirt/libvirt-sock: No such file or directory)"
)


def test_host_without_libvirt_has_none_of_it(tmp_path: Path) -> None:
    nothing = Libvirt(failed(NOBODY_LISTENS), "", (), failed("there is no libvirt"), False)
    assert libvirt.probe(FakeHost(tmp_path)) == nothing


def test_host_with_all_of_it(tmp_path: Path) -> None:
    programs = {
        "/usr/sbin/libvirtd": Answer(0, "libvirtd (libvirt) 12.8.0\n"),
        "/usr/bin/passt": Answer(0),
        "/usr/bin/virsh": ACTIVE,
    }
    host = FakeHost(tmp_path, sockets=(MONOLITHIC,), programs=programs)
    assert libvirt.probe(host) == Libvirt(PASSED, "libvirtd", (12, 8, 0), PASSED, True)
    # of root's libvirt: without an address virsh would ask another one
    assert ("virsh", "--quiet", "--connect", "qemu:///system", "net-info", "default") in host.asked


def test_units_that_are_masked_are_named(tmp_path: Path) -> None:
    units = tmp_path / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "libvirtd.socket").symlink_to("/dev/null")
    (units / "libvirtd.service").symlink_to("/usr/lib/systemd/system/libvirtd.service")
    found = libvirt.probe(FakeHost(tmp_path, programs={"/usr/sbin/libvirtd": Answer(0)}))
    assert found.masked == ("libvirtd.socket",)


def test_modular_daemon_is_asked_first(tmp_path: Path) -> None:
    programs = {
        "/usr/sbin/libvirtd": Answer(0, "libvirtd (libvirt) 12.8.0\n"),
        "/usr/sbin/virtqemud": Answer(0, "virtqemud (libvirt) 9.0.0\n"),
    }
    found = libvirt.probe(FakeHost(tmp_path, sockets=(MODULAR,), programs=programs))
    assert (found.listens, found.daemon, found.version) == (PASSED, "virtqemud", (9, 0, 0))


@pytest.mark.parametrize("path", [MODULAR, MONOLITHIC])
def test_one_listening_socket_is_enough(tmp_path: Path, path: str) -> None:
    assert libvirt.probe(FakeHost(tmp_path, sockets=(path,))).listens.passed


def test_socket_of_virtproxyd_is_no_libvirt_for_a_client_of_the_modular_daemons(tmp_path: Path) -> None:
    """EL 9 and later: virtproxyd accepts at libvirtd's socket, for old clients; libvirt's library does not ask it."""
    refused = f"Failed to connect socket to '/var{MODULAR}': No such file or directory"
    virsh = Answer(1, "", f"error: failed to connect to the hypervisor\nerror: {refused}\n")
    programs = {"/usr/sbin/virtqemud": Answer(0, "virtqemud (libvirt) 11.3.0\n"), "/usr/bin/virsh": virsh}
    found = libvirt.probe(FakeHost(tmp_path, sockets=(MONOLITHIC,), programs=programs))
    assert found.listens == failed(f"no libvirt daemon listens ({refused})")
    assert found.nat_network == not_tried("libvirt does not answer")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ACTIVE, PASSED),
        (Answer(0, ACTIVE.output.replace("yes", "no", 1)), failed("libvirt's network 'default' is not active")),
        (
            Answer(1, "", "error: failed to get network 'default'\nerror: Network not found: no network\n"),
            failed("Network not found: no network"),
        ),
        # the answer of a daemon for QEMU without one for networks
        (
            Answer(1, "", "error: failed to get network 'default'\nerror: Failed to connect socket to 'x'\n"),
            failed("Failed to connect socket to 'x'"),
        ),
        (Answer(1, "", "error: failed to connect to the hypervisor\nerror: x\n"), not_tried("error: x")),
        (Answer(-1, fault="no program virsh"), not_tried("no program virsh")),
        (Answer(-1, fault="virsh did not end within 20 s"), unknown("virsh did not end within 20 s")),
    ],
)
def test_network_is_what_libvirt_says(tmp_path: Path, answer: Answer, expected: Outcome) -> None:
    programs = {"/usr/sbin/libvirtd": Answer(0), "/usr/bin/virsh": answer}
    assert libvirt.probe(FakeHost(tmp_path, sockets=(MONOLITHIC,), programs=programs)).nat_network == expected


def test_network_of_a_libvirt_that_cannot_be_asked_is_not_known(tmp_path: Path) -> None:
    programs = {"/usr/sbin/libvirtd": Answer(0), "/usr/bin/virsh": Answer(1, "", "error: x")}
    stopped = libvirt.probe(FakeHost(tmp_path, programs=programs)).nat_network
    assert stopped == not_tried("libvirt does not answer")
    user = FakeHost(tmp_path, programs=programs, sockets=(MONOLITHIC,), as_root=False)
    assert libvirt.probe(user).nat_network == not_tried("only root can ask libvirt")
    assert "virsh" not in [command[0] for command in user.asked], "which could ask for a password"


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
