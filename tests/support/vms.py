"""Virtual machines for the tests of what shows them."""

from __future__ import annotations

from condor_kvm_stage.status.vm import Vm, Vms

ALICE = Vm(
    name="alice_node_1287.0",
    uuid="9c275b4d-4eab-4386-aa55-9cdd88f2792a",
    job="1287.0",
    owner="alice",
    state="running",
    reason="",
    images=("/srv/images/el9.qcow2",),
    memory=8 << 30,
    cpus=4,
    disk=1310 << 20,
    started=1795770720.5,
    cpu_seconds=3812.25,
    address="192.168.122.15",
    console="worker-17 login:",
)
BERNARD = Vm(
    name="bernard_node_1288.12",
    uuid="93a465e1-03e3-49d0-adc5-d7c783eb2b1c",
    job="1288.12",
    owner="bernard",
    state="paused",
    reason="disk full",
    images=("/srv/images/debian13.qcow2",),
    memory=1 << 30,
    cpus=1,
    disk=(11 << 20) + 1,
    started=1795732800.0,
    cpu_seconds=17.0,
    console="[    3.112041] EXT4-fs (vda1): mounted filesystem",
)
# Of which hardly anything is known
UNKNOWN = Vm("x_node_1.0", "u", "1.0", "", "state 9", "", (), 64 << 20, 1, None, None, None)
TWO = Vms((ALICE, BERNARD), others=0)
