"""Control guests: what libvirt is told to start, and what their failure says."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage import installed, selinux
from condor_kvm_stage.answer import Answer
from condor_kvm_stage.domain import cli, control, node_trial, qemu_identity, site_image, socket_label, trial
from condor_kvm_stage.guest_facts import GuestFacts
from condor_kvm_stage.guest_trial import Label
from support.domain.guests import GROUP
from support.fake_host import FakeHost
from support.processes import NOBODY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user's")

VIRSH = "/usr/bin/virsh"


class Libvirt:
    """What libvirt was told to start, and what it answers."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.started: list[ElementTree.Element] = []
        self.places: list[tuple[int, list[str]]] = []

    def virsh(self, command: tuple[str, ...]) -> Answer:
        path = command[-1].split()[3].rstrip(";")
        assert command[-1].startswith("create --paused --autodestroy ")
        assert command[-1].endswith(f"; destroy {Path(path).parent.name}")
        self.started.append(ElementTree.parse(path).getroot())
        place = Path(path).parent
        self.places.append((stat.S_IMODE(place.stat().st_mode), sorted(file.name for file in place.iterdir())))
        return self.answer


@pytest.fixture
def libvirt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Libvirt:
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(control, "GUEST_FACTS", str(tmp_path / "run/guest"))
    user = pwd.getpwuid(NOBODY)
    monkeypatch.setattr(trial, "user_of", lambda _: user)
    monkeypatch.setattr(qemu_identity, "_group_of_libvirt", lambda: GROUP)
    return Libvirt(Answer(0))


def tried(tmp_path: Path, libvirt: Libvirt, *networks: str) -> str:
    host = FakeHost(tmp_path, programs={VIRSH: libvirt.virsh})
    return control.try_all(host, GuestFacts(networks=list(networks), bridge="br0"))


def test_one_is_started_for_each_network(tmp_path: Path, libvirt: Libvirt) -> None:
    assert tried(tmp_path, libvirt, "nat", "bridge") == ""
    found = [interface.get("type") for guest in libvirt.started for interface in guest.iterfind("devices/interface")]
    assert found == ["network", "bridge"]


def test_one_is_started_without_networks(tmp_path: Path, libvirt: Libvirt) -> None:
    assert tried(tmp_path, libvirt) == ""
    (guest,) = libvirt.started
    assert guest.find("devices/interface") is None


def test_definition_has_a_label_that_virsh_may_read(
    tmp_path: Path, libvirt: Libvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else, with SELinux enforcing, each job's guest that does not start would take VM universe from the node."""
    place = tmp_path / "run"
    labelled: list[tuple[str, str]] = []

    @contextlib.contextmanager
    def for_guests(guest: str) -> Iterator[None]:
        before = set(place.glob("*/guest-*"))
        yield
        labelled.extend((guest, path.name) for path in set(place.glob("*/guest-*")) - before)

    monkeypatch.setattr(socket_label, "for_guests", for_guests)
    host = FakeHost(tmp_path, programs={VIRSH: libvirt.virsh})
    assert control.try_all(host, GuestFacts(selinux="svirt")) == ""
    assert labelled == [("svirt", "guest-.xml")]


def test_nothing_is_left(tmp_path: Path, libvirt: Libvirt) -> None:
    tried(tmp_path, libvirt)
    assert list((tmp_path / "run").iterdir()) == []
    assert libvirt.places == [(0o711, ["guest-.xml", "scratch", "scratch.condor-kvm-stage"])], "QEMU reaches its disk"


def test_reason_is_libvirts_own(tmp_path: Path, libvirt: Libvirt) -> None:
    said = "error: Failed to create domain from /x\nerror: internal error: no KVM\nmore\n\nerror: failed to …\n"
    libvirt.answer = Answer(1, errors=said)
    assert tried(tmp_path, libvirt) == "internal error: no KVM"


def test_reason_is_the_sockets_if_libvirt_does_not_listen(tmp_path: Path, libvirt: Libvirt) -> None:
    said = "error: failed to connect to the hypervisor\nerror: Failed to connect socket to '/x': No such file\n"
    libvirt.answer = Answer(1, errors=said)
    assert tried(tmp_path, libvirt) == "Failed to connect socket to '/x': No such file"


def test_libvirt_that_does_not_answer_is_a_reason(tmp_path: Path, libvirt: Libvirt) -> None:
    libvirt.answer = Answer(-1, fault="virsh did not end within 90 s")
    assert tried(tmp_path, libvirt) == "virsh did not end within 90 s"


def test_node_that_knows_nothing_of_labels_starts_no_guests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SELinux is on, and libvirt has not said since the boot how it labels files."""
    (tmp_path / "enforce").write_text("1")
    monkeypatch.setattr(selinux, "_ROOT", str(tmp_path))
    monkeypatch.setattr(installed, "GUEST_FACTS", str(tmp_path / "none"))
    assert cli.main([installed.TRY_GUESTS]) == 1
    assert capsys.readouterr().out.startswith("this node does not know yet how SELinux is to label")


IMAGE = "/srv/images/base.qcow2"
DENIED = "error: Failed to create domain\nerror: Could not open '/srv/images/base.qcow2': Permission denied\n"


def tried_with_image(
    tmp_path: Path,
    libvirt: Libvirt,
    patch: pytest.MonkeyPatch,
    *,
    of_image: Answer,
    sites: bool = True,
    open_: int = 0,
    context: str = "",
) -> str:
    """Try control guests when a job's was denied an image; that with an overlay of it gets the answer of_image.

    sites: whether the image is the site's. open_: the status of a look as HTCondor's user. context: of guests.
    """

    def virsh(command: tuple[str, ...]) -> Answer:
        answer = libvirt.virsh(command)
        return of_image if len(libvirt.started) == 2 else answer

    own_disk = node_trial.prepare
    patch.setattr(node_trial, "prepare", lambda host, job, facts, _: own_disk(host, job, facts, ""))
    patch.setattr(site_image, "belongs", lambda path, _: sites and path == IMAGE)
    host = FakeHost(tmp_path, programs={VIRSH: virsh, "/usr/bin/test": lambda _: Answer(open_)})
    return control.try_all(host, GuestFacts(networks=[], bridge="", selinux=context), IMAGE)


def test_image_that_no_guest_may_read_is_the_nodes_fault(
    tmp_path: Path, libvirt: Libvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = tried_with_image(tmp_path, libvirt, monkeypatch, of_image=Answer(1, errors=DENIED))
    assert said == f"guests may not read {IMAGE}: Could not open '{IMAGE}': Permission denied"
    assert list((tmp_path / "run").iterdir()) == []


def test_step_comes_before_libvirts_words_of_which_a_user_sees_only_some(
    tmp_path: Path, libvirt: Libvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_label, "for_guests", contextlib.nullcontext)
    monkeypatch.setattr(node_trial, "label", lambda *_: Label(IMAGE, "denied", "setsebool -P virt_use_nfs on"))
    said = tried_with_image(tmp_path, libvirt, monkeypatch, of_image=Answer(1, errors=DENIED), context="svirt")
    assert said.startswith(f"guests may not read {IMAGE} (setsebool -P virt_use_nfs on): Could not open ")


def test_image_that_guests_may_read_is_no_fault(
    tmp_path: Path, libvirt: Libvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tried_with_image(tmp_path, libvirt, monkeypatch, of_image=Answer(0)) == ""
    assert len(libvirt.started) == 2


def test_image_that_a_user_has_locked_is_not_the_nodes_fault(
    tmp_path: Path, libvirt: Libvirt, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = Answer(1, errors='error: Failed to get "consistent read" lock\n')
    assert tried_with_image(tmp_path, libvirt, monkeypatch, of_image=locked) == ""


@pytest.mark.parametrize(("sites", "open_"), [(False, 0), (True, 1)])
def test_image_that_a_user_could_close_or_that_is_private_is_not_tried(
    tmp_path: Path, libvirt: Libvirt, monkeypatch: pytest.MonkeyPatch, sites: bool, open_: int
) -> None:
    denied = Answer(1, errors=DENIED)
    assert tried_with_image(tmp_path, libvirt, monkeypatch, of_image=denied, sites=sites, open_=open_) == ""
    assert len(libvirt.started) == 1
