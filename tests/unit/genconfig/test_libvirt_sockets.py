"""Which of libvirt's sockets are started: those that are needed, installed, not masked, and of one kind of daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig import libvirt_sockets
from condor_kvm_stage.policy.model import Policy
from support.fake_host import FakeHost

MODULAR, MONOLITHIC = "/run/libvirt/virtqemud-sock", "/run/libvirt/libvirt-sock"
STOPPED = ("loaded", "inactive", "enabled")
NOT_ENABLED = ("loaded", "inactive", "disabled")
ACTIVE = ("loaded", "active", "enabled")
MASKED = ("masked", "inactive", "masked")
ABSENT = ("not-found", "inactive", "")


def a_host(
    root: Path,
    virtqemud: tuple[str, ...],
    libvirtd: tuple[str, ...],
    virtnetworkd: tuple[str, ...] = ABSENT,
    virtproxyd: tuple[str, ...] = ABSENT,
    **more: object,
) -> FakeHost:
    """Return a host whose systemd has these sockets: what it says of loading, of running, and of the boot."""
    units = {"virtqemud.socket": virtqemud, "libvirtd.socket": libvirtd}
    units.update({"virtnetworkd.socket": virtnetworkd, "virtproxyd.socket": virtproxyd})

    def systemctl(command: tuple[str, ...]) -> Answer:
        if command[1] == "start":
            return Answer(0)
        names = ("LoadState", "ActiveState", "UnitFileState")
        blocks = [
            "".join(f"{name}={value}\n" for name, value in zip(("Id", *names), (unit, *units[unit])))
            for unit in command
            if unit in units
        ]
        return Answer(0, "\n".join(blocks))

    return FakeHost(root, programs={"/usr/bin/systemctl": systemctl}, **more)  # type: ignore[arg-type]


def started(host: FakeHost, *types: str) -> list[str]:
    """Return which sockets are started for a policy that wants these types of network."""
    policy = Policy()
    policy.network.types = list(types)
    list(libvirt_sockets.start(host, policy))
    asked = [command[2:] for command in host.asked if command[:2] == ("systemctl", "start")]
    return list(asked[0]) if asked else []


@pytest.mark.parametrize(
    ("virtqemud", "libvirtd", "expected"),
    [
        (STOPPED, ABSENT, "virtqemud.socket"),
        (ABSENT, STOPPED, "libvirtd.socket"),
        # both are installed: the one that the administrator has enabled
        (NOT_ENABLED, STOPPED, "libvirtd.socket"),
        (STOPPED, NOT_ENABLED, "virtqemud.socket"),
        # as on openSUSE, which enables none
        (NOT_ENABLED, NOT_ENABLED, "virtqemud.socket"),
        (MASKED, NOT_ENABLED, "libvirtd.socket"),
        (("loaded", "failed", "enabled"), ABSENT, "virtqemud.socket"),
        (MASKED, ABSENT, ""),
        (ABSENT, ABSENT, ""),
        (ACTIVE, ABSENT, ""),
    ],
)
def test_socket_of_the_daemon_that_is_to_run_here_is_started(
    tmp_path: Path, virtqemud: tuple[str, ...], libvirtd: tuple[str, ...], expected: str
) -> None:
    assert started(a_host(tmp_path, virtqemud, libvirtd)) == ([expected] if expected else [])


def test_monolithic_daemon_that_listens_is_not_stopped_by_a_modular_socket(tmp_path: Path) -> None:
    """systemd stops libvirtd.socket when virtqemud.socket or virtnetworkd.socket starts (Conflicts=)."""
    host = a_host(tmp_path, NOT_ENABLED, ACTIVE, NOT_ENABLED, sockets=(MONOLITHIC,))
    assert started(host, "nat") == []


def test_virtproxyd_at_the_monolithic_daemons_socket_does_not_stand_for_it(tmp_path: Path) -> None:
    """EL 9 and later have it enabled beside the modular daemons, for old clients."""
    host = a_host(tmp_path, STOPPED, ABSENT, STOPPED, ACTIVE, sockets=(MONOLITHIC,))
    assert started(host, "nat") == ["virtqemud.socket", "virtnetworkd.socket"]


def test_monolithic_daemon_needs_no_socket_for_networks(tmp_path: Path) -> None:
    assert started(a_host(tmp_path, ABSENT, STOPPED, NOT_ENABLED), "nat") == ["libvirtd.socket"]


@pytest.mark.parametrize(
    ("virtnetworkd", "types", "expected"),
    [
        (STOPPED, ("nat",), ["virtnetworkd.socket"]),
        (STOPPED, ("bridge",), []),
        (MASKED, ("nat",), []),
        (ABSENT, ("nat",), []),
        (ACTIVE, ("nat",), []),
    ],
)
def test_socket_for_networks_is_started_where_nat_is_wanted(
    tmp_path: Path, virtnetworkd: tuple[str, ...], types: tuple[str, ...], expected: list[str]
) -> None:
    host = a_host(tmp_path, ACTIVE, ABSENT, virtnetworkd, sockets=(MODULAR,))
    assert started(host, *types) == expected


def test_nothing_is_started_without_kvm_or_by_another_user(tmp_path: Path) -> None:
    assert started(a_host(tmp_path, STOPPED, ABSENT, kvm="ENOENT")) == []
    assert started(a_host(tmp_path, STOPPED, ABSENT, as_root=False)) == []


def test_masked_socket_is_told_with_the_command_that_changes_that(tmp_path: Path) -> None:
    (message,) = libvirt_sockets.start(a_host(tmp_path, MASKED, ABSENT), Policy())
    assert message.text.startswith("virtqemud.socket is masked, so libvirt does not listen. To run VM jobs: systemctl ")
    assert list(libvirt_sockets.start(a_host(tmp_path, ACTIVE, MASKED, sockets=(MODULAR,)), Policy())) == []


def test_host_without_systemd_is_left_alone(tmp_path: Path) -> None:
    assert list(libvirt_sockets.start(FakeHost(tmp_path), Policy())) == []


def test_socket_that_does_not_start_is_told_with_systemds_words(tmp_path: Path) -> None:
    host = a_host(tmp_path, STOPPED, ABSENT)
    systemctl = host.programs["/usr/bin/systemctl"]
    assert callable(systemctl)
    host.programs["/usr/bin/systemctl"] = lambda command: (
        Answer(1, "", "Job failed.\n") if command[1] == "start" else systemctl(command)
    )
    (message,) = libvirt_sockets.start(host, Policy())
    assert message.text == "Cannot start virtqemud.socket, on which libvirt is to listen: Job failed."
