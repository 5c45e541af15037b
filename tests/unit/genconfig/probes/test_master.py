"""Which condor_master is this node's: not that of a container, of another service, or of a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from condor_kvm_stage.genconfig.probes import master
from support.fake_node import FakeNode

OURS = "0::/system.slice/condor.service\n"
ELSEWHERE = "PATH=/bin\0CONDOR_CONFIG=/etc/condor-ce/condor_config\0"


def node_with(tmp_path: Path, cgroup: str, environ: str = "", namespace: str = "pid:[4026531836]") -> FakeNode:
    node = FakeNode(tmp_path)
    for process, its in (("1", "pid:[4026531836]"), ("77", namespace)):
        (tmp_path / f"proc/{process}/ns").mkdir(exist_ok=True)
        (tmp_path / f"proc/{process}/ns/pid").symlink_to(its)
    node.put("/proc/77/cgroup", cgroup)
    node.put("/proc/77/environ", environ)
    return node


@pytest.mark.parametrize(
    ("cgroup", "environ", "ours"),
    [
        (OURS, "", True),
        (OURS, ELSEWHERE, True),
        ("0::/\n", "", True),
        ("0::/\n", ELSEWHERE, True),
        ("0::/user.slice/user-0.slice/session-1.scope\n", "", True),
        ("0::/system.slice/htcondor-worker.service\n", "", True),
        ("0::/system.slice/condor-ce.service\n", ELSEWHERE, False),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n", ELSEWHERE, False),
        ("4:memory:/system.slice/condor.service\n1:name=systemd:/system.slice/condor.service\n", "", True),
        ("4:memory:/system.slice/condor-ce.service\n", ELSEWHERE, False),
    ],
)
def test_master_of_another_service_with_its_own_configuration_is_foreign(
    tmp_path: Path, cgroup: str, environ: str, ours: bool
) -> None:
    assert master.is_running(node_with(tmp_path, cgroup, environ)) is ours


def test_master_in_a_container_of_this_host_is_foreign(tmp_path: Path) -> None:
    node = node_with(tmp_path, "0::/machine.slice/x.scope/system.slice/condor.service\n", "", "pid:[4026532222]")
    assert not master.is_running(node)


def test_tools_read_what_the_running_master_reads(tmp_path: Path) -> None:
    assert master.environment(node_with(tmp_path / "a", OURS, ELSEWHERE)) == {
        "CONDOR_CONFIG": "/etc/condor-ce/condor_config"
    }
    assert master.environment(node_with(tmp_path / "b", OURS)) == {}
