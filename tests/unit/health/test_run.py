"""A look at the node: which faults are named, what is said of them and when, what is put right."""

from __future__ import annotations

import json
import time

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.answer import LATE, Answer
from condor_kvm_stage.guest_facts import GuestFacts, to_bytes
from condor_kvm_stage.health import libvirt, run, state
from condor_kvm_stage.messages import ERROR, NOTICE, Message
from support import fake_virsh
from support.fake_host import write
from unit.health.conftest import WatchedNode

REFUSED = Answer(1, errors="error: Failed to connect socket to '/var/run/libvirt/libvirt-sock': No such file\n")
SILENT = Answer(-1, fault=f"virsh{LATE}15 s")
LIST = ("list", "--name")


def look(node: WatchedNode) -> list[Message]:
    return list(run.run(node.host))


def ad(node: WatchedNode) -> dict[str, str]:
    text = node.host.text(installed.HEALTH) or ""
    return dict(line.split(" = ", 1) for line in text.splitlines())


def failed(node: WatchedNode) -> str:
    return str(json.loads(ad(node)["Failed"]))


def policy(node: WatchedNode, text: str) -> None:
    write(node.host.root, "etc/condor-kvm-stage/config.toml", text)


@pytest.fixture(autouse=True)
def _answers(node: WatchedNode) -> None:
    node.libvirt.answers[LIST] = Answer(0)


def facts(node: WatchedNode, known: GuestFacts) -> None:
    write(node.host.root, installed.GUEST_FACTS.lstrip("/"), to_bytes(known).decode())
    node.keep_current()


def test_node_without_a_fault_is_healthy_and_nothing_is_said(node: WatchedNode) -> None:
    assert look(node) == []
    found = ad(node)
    assert (found["Healthy"], found["Failed"], found["Reason"]) == ("true", '""', '""')
    assert (found["VMs"], found["VMMemory"], found["Healed"]) == ("0", "0", "0")
    assert int(found["ExecuteFree"]) > 0


@pytest.mark.parametrize(("virtiofsd", "told"), [("/usr/libexec/virtiofsd", "true"), ("", "false"), (None, None)])
def test_slots_say_whether_guests_can_have_their_jobs_files(
    node: WatchedNode, virtiofsd: str | None, told: str | None
) -> None:
    if virtiofsd is None:
        write(node.host.root, installed.GUEST_FACTS.lstrip("/"), "not valid")
        node.libvirt.answers[LIST] = Answer(1)
    else:
        facts(node, GuestFacts("host-passthrough", virtiofsd=virtiofsd))
    look(node)
    assert ad(node).get("JobFiles") == told


def test_fault_is_told_once_when_it_comes_and_once_when_it_goes(node: WatchedNode) -> None:
    node.host.kvm = "ENOENT"
    (said,) = look(node)
    assert said.level == ERROR
    assert said.text == (
        "No VM job starts here: kvm: cannot open /dev/kvm: No such file or directory; "
        "condor-kvm-stage-genconfig --check says what to do (kvm device)"
    )
    assert (ad(node)["Healthy"], failed(node)) == ("false", "kvm")
    changed = ad(node)["Changed"]
    assert look(node) == []
    assert ad(node)["Changed"] == changed
    node.host.kvm = ""
    assert look(node) == [Message("kvm is in order again: VM jobs start here", NOTICE)]
    assert ad(node)["Healthy"] == "true"


def test_device_that_users_of_jobs_may_not_open_is_a_fault_where_guests_run_as_them(node: WatchedNode) -> None:
    node.host.modes = {"/dev/kvm": 0o660}
    look(node)
    assert failed(node) == "kvm"
    policy(node, "[guest]\nguarded = false\n")
    look(node)
    assert failed(node) == ""


def test_policy_with_an_error_is_a_fault_and_does_not_hide_what_cannot_be_looked_at_then(node: WatchedNode) -> None:
    policy(node, '[staging]\nimage_dirs = ["/nowhere"]\n')
    look(node)
    assert failed(node) == "share"
    policy(node, "[staging]\nimage_dirs = nowhere\n")
    look(node)
    assert failed(node) == "policy,share"


def test_full_disk_is_a_fault(node: WatchedNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FULL", 1 << 40)
    look(node)
    assert failed(node) == "execute"
    assert "MiB free" in ad(node)["Reason"]


def test_execute_that_is_not_there_is_a_fault_and_its_space_unknown(node: WatchedNode) -> None:
    node.execute.rmdir()
    look(node)
    assert failed(node) == "execute"
    assert "ExecuteFree" not in ad(node)


def test_execute_that_htcondor_does_not_name_is_unknown_and_no_fault(node: WatchedNode) -> None:
    del node.host.programs["/usr/bin/condor_config_val"]
    look(node)
    assert failed(node) == ""
    assert "ExecuteFree" not in ad(node)


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (GuestFacts(networks=["nat"]), "libvirt's network default is not active"),
        (GuestFacts(networks=["bridge"], bridge="br7"), "there is no interface br7"),
        (GuestFacts(networks=["user"]), "there is no program passt"),
    ],
)
def test_network_that_guests_may_ask_for_and_that_is_gone_is_a_fault(
    node: WatchedNode, known: GuestFacts, reason: str
) -> None:
    node.libvirt.answers["net-list", "--name"] = Answer(0, "other\n")
    facts(node, known)
    look(node)
    assert failed(node) == "network"
    assert reason in ad(node)["Reason"]


def test_network_whose_daemon_has_no_socket_is_had_back_by_starting_that(node: WatchedNode) -> None:
    node.libvirt.answers["net-list", "--name"] = Answer(1, errors="error: no connection\n")
    node.units["virtnetworkd.socket"] = "UnitFileState=enabled\nActiveState=inactive\n"
    node.when_started = lambda: node.libvirt.answers.update({("net-list", "--name"): Answer(0, "default\n")})
    facts(node, GuestFacts(networks=["nat"]))
    assert [message.text for message in look(node)] == [
        "Started virtnetworkd.socket, which was enabled and did not listen"
    ]
    assert (failed(node), ad(node)["Healed"]) == ("", "1")


@pytest.mark.parametrize("asked", [True, False])
def test_network_that_is_there_is_none(node: WatchedNode, asked: bool) -> None:
    if asked:
        node.libvirt.answers["net-list", "--name"] = Answer(0, "default\n")
    else:
        write(node.host.root, "run/libvirt/network/default.xml", "<network/>")
    write(node.host.root, "sys/class/net/br7", "")
    node.host.programs["/usr/bin/passt"] = Answer(0)
    facts(node, GuestFacts(networks=["nat", "bridge", "user"], bridge="br7"))
    assert look(node) == []
    assert failed(node) == ""


def test_libvirt_that_refuses_is_a_fault_at_once_and_others_that_need_it_are_as_before(node: WatchedNode) -> None:
    facts(node, GuestFacts(networks=["user"]))
    look(node)
    assert failed(node) == "network"
    node.libvirt.answers[LIST] = REFUSED
    look(node)
    assert failed(node) == "libvirt,network", "whether there is a network is not known"


def test_socket_that_is_enabled_and_does_not_listen_is_started_and_counted(node: WatchedNode) -> None:
    node.libvirt.answers[LIST] = REFUSED
    node.units = {"libvirtd.socket": "UnitFileState=enabled\nActiveState=inactive\n"}
    (said,) = look(node)
    assert said == Message("Started libvirtd.socket, which was enabled and did not listen", NOTICE)
    assert (failed(node), ad(node)["Healed"], node.started) == ("", "1", ["libvirtd.socket"])


@pytest.mark.parametrize("unit_state", ["masked-runtime", "disabled", ""])
def test_socket_that_an_administrator_has_switched_off_stays_so(node: WatchedNode, unit_state: str) -> None:
    node.libvirt.answers[LIST] = REFUSED
    node.units = {"libvirtd.socket": f"UnitFileState={unit_state}\nActiveState=inactive\n"}
    look(node)
    assert (failed(node), ad(node)["Healed"], node.started) == ("libvirt", "0", [])


def test_policy_can_forbid_to_start_it(node: WatchedNode) -> None:
    policy(node, '[health]\nheal = ["facts"]\n')
    node.libvirt.answers[LIST] = REFUSED
    node.units = {"libvirtd.socket": "UnitFileState=enabled\nActiveState=inactive\n"}
    look(node)
    assert (failed(node), node.started) == ("libvirt", [])


def test_libvirt_that_is_slow_once_is_no_fault_and_one_that_is_silent_is(
    node: WatchedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.libvirt.answers[LIST] = SILENT
    look(node)
    assert failed(node) == ""
    monkeypatch.setattr(time, "time", lambda: 10**10)
    look(node)
    assert failed(node) == "libvirt"
    assert node.started == [], "it has its socket"
    node.libvirt.answers[LIST] = Answer(0)
    look(node)
    assert failed(node) == ""


def test_libvirt_that_was_refused_and_is_silent_now_is_still_a_fault(node: WatchedNode) -> None:
    node.libvirt.answers[LIST] = REFUSED
    look(node)
    node.libvirt.answers[LIST] = SILENT
    look(node)
    assert failed(node) == "libvirt"


def test_guests_of_jobs_are_counted_and_orphans_destroyed_and_counted(node: WatchedNode) -> None:
    for number, name, starter in ((1, "lives", fake_virsh.LIVING), (2, "left", fake_virsh.GONE)):
        node.libvirt.run(number, name, fake_virsh.mark(starter))
        definition = fake_virsh.definition(number, name, fake_virsh.mark(starter))
        write(node.host.root, f"run/libvirt/qemu/{name}.xml", f"<domstatus state='running'>{definition}</domstatus>")
    write(node.host.root, "run/libvirt/qemu/own.xml", f"<domstatus>{fake_virsh.definition(3, 'own')}</domstatus>")
    write(node.host.root, "run/libvirt/qemu/begins.xml", "")
    node.libvirt.before["destroy"] = lambda: node.host.path("/run/libvirt/qemu/left.xml").unlink()
    (said,) = look(node)
    assert said.text.startswith("Destroyed the virtual machine left (")
    assert node.libvirt.destroyed == [fake_virsh.uuid(2)]
    assert (ad(node)["VMs"], ad(node)["VMMemory"], ad(node)["Healed"]) == ("1", "32", "1")


def test_libvirt_is_not_asked_for_each_guest(node: WatchedNode) -> None:
    node.libvirt.run(1, "lives", fake_virsh.mark(fake_virsh.LIVING))
    definition = fake_virsh.definition(1, "lives", fake_virsh.mark(fake_virsh.LIVING))
    write(node.host.root, "run/libvirt/qemu/lives.xml", f"<domstatus>{definition}</domstatus>")
    look(node)
    assert len([command for command in node.host.asked if command[0] == "virsh"]) == 1


def test_what_is_kept_is_of_this_version_or_forgotten(node: WatchedNode) -> None:
    for text in ("", "no JSON", "[]", '{"other": 1}', '{"healed": "7"}', '{"healed": 7.5}'):
        write(node.host.root, installed.HEALTH_STATE.lstrip("/"), text)
        assert state.load(node.host) == state.State()
    kept = state.State(silent={"x": 1}, probes={"/srv": [1, 2]}, healed=7)
    state.keep(kept, node.host)
    assert state.load(node.host) == kept


def test_deadlines_leave_time_for_the_package_to_keep_its_word() -> None:
    assert libvirt._SILENT + 2 * (60 + libvirt._DEADLINE) + 60 < 360
