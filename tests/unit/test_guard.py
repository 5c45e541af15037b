"""The conditions for VM jobs, evaluated by HTCondor's own ClassAd library: what they let in, and what they keep out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

import classad2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.genconfig import guard

DISKS, NETWORK, SIZE, INTERNALS = (
    "VmJobDisksAreAllowed",
    "VmJobNetworkIsAllowed",
    "VmJobSizeIsNumbers",
    "VmJobSetsNoInternals",
)
DIRS = ["/srv/disks", "/srv/a.b+c"]
# What condor_submit makes of packaging/vm-job.sub, as far as it is of VM universe
SUBMITTED = {
    "JobUniverse": "13",
    "JobVMCheckpoint": "false",
    "JobVMMemory": "64",
    "JobVMNetworking": "false",
    "JobVMType": '"kvm"',
    "JobVMVNCConsole": "false",
    "JobVM_VCPUS": "1",
    "RequestCpus": "1",
    "RequestMemory": "MY.JobVMMemory",
    "Requirements": "TARGET.HasVM =?= true",
    "TransferInput": '"nfs:///srv/images/base.qcow2:disk.qcow2"',
    "User": '"alice@worker"',
    "VMPARAM_No_Output_VM": "false",
    "VMPARAM_vm_Disk": '"disk.qcow2:vda:w:qcow2"',
}
MARKUP = "1</vcpu><devices><disk type='file'><source file='/etc/shadow'/></disk></devices><vcpu>1"


def string(text: str) -> str:
    """The text as an expression: a string that is written out."""
    quoted: str = classad2.quote(text)
    return quoted


def slot(disk_dirs: list[str] | None = None) -> classad2.ClassAd:
    """A slot as HTCondor makes it of the snippet."""
    conditions = guard.attributes(disk_dirs or [])
    lines = ["HasVM = true", f"VmJobRules = {string(guard.RULES)}", f"Requirements = {guard.start(list(conditions))}"]
    lines += [f"{name} = {expression}" for name, expression in conditions.items()]
    return classad2.parseOne("\n".join(lines), parser=classad2.Parser.Old)


classad2.parseOne("First = true")  # what is parsed later knows HTCondor's own functions, as evalInEachContext()
SLOT, SLOT_WITH_DIRS = slot(), slot(DIRS)


def job(**changes: str | None) -> classad2.ClassAd:
    """The submitted job with other expressions for some attributes; None: without it."""
    ad = classad2.ClassAd()
    for name, text in {**SUBMITTED, **changes}.items():
        if text is not None:
            ad[name] = classad2.ExprTree(text)
    return ad


def is_let_in(ad: classad2.ClassAd, to: classad2.ClassAd = SLOT) -> bool:
    matches: bool = to.symmetricMatch(ad)
    return matches


def failed(ad: classad2.ClassAd, to: classad2.ClassAd = SLOT) -> set[str]:
    """The conditions that do not hold for a job, each evaluated on its own."""
    return {name for name in guard.attributes([]) if to.lookup(name).eval(to, ad) is not True}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        *[
            {"VMPARAM_vm_Disk": string(disks)}
            for disks in [
                "disk.qcow2:vda:w",
                "disk.qcow2:vda:rw:raw",
                "a+b_c-1.raw:sdaa:r:raw",
                "a:vda:w:qcow2,b:vdb:r:raw",
                "a:vda:w:qcow2 , b:vdb:r:raw ,  c:hda:w,d:hdd:rw",
                "a:vda:r:raw,a:vdb:r:raw",
                "disk:vda:w,seed.iso:hdc:r",
                "disk:vda:w,seed.iso:sda:r:raw",
                ",".join(f"disk{i}:vd{chr(97 + i // 26)}{chr(97 + i % 26)}:w:qcow2" for i in range(200)),
            ]
        ],
        *[
            {"JobVMNetworking": "true", "JobVMNetworkingType": string(kind)}
            for kind in ("nat", "user", "bridge", "NAT")
        ],
        {"JobVMNetworking": "true"},
        {"JobVM_MACADDR": string("52:54:00:12:34:5f")},
        {"JobVM_MACADDR": string("AA:BB:CC:DD:EE:FF")},
        {"JobVMMemory": "999999999", "JobVM_VCPUS": "255", "RequestCpus": "16"},
        {"RequestCpus": "JobVM_VCPUS", "RequestMemory": "128"},
        {"User": string("a.b-c_d+e@pool.example.org")},
        {"JobVMVNCConsole": "true"},
    ],
)
def test_job_of_ordinary_form_is_let_in(changes: dict[str, str]) -> None:
    assert failed(job(**changes)) == set()
    assert is_let_in(job(**changes))


@pytest.mark.parametrize("disk", ["/srv/disks/a:vda:w", "/srv/disks/x/y.raw:vdb:r:raw", "/srv/a.b+c/d:vdc:w:qcow2"])
def test_disks_in_the_policys_directories_are_let_in_there_only(disk: str) -> None:
    ad = job(VMPARAM_vm_Disk=string(f"disk.qcow2:vda:w:qcow2,{disk.replace('vda', 'vdz')}"))
    assert is_let_in(ad, SLOT_WITH_DIRS)
    assert failed(ad) == {DISKS}


ATTACKS: list[tuple[str, Mapping[str, str | None]]] = [
    *[
        (DISKS, {"VMPARAM_vm_Disk": string(disks)})
        for disks in [
            # other files of the node
            "/etc/shadow:vda:r:raw",
            "disk.qcow2:vda:w:qcow2,/etc/shadow:vdb:r:raw",
            "../../../etc/shadow:vda:r:raw",
            "..:vda:r",
            ".hidden:vda:r",
            "dir/disk:vda:w",
            "/srv/disks/../../etc/shadow:vda:r",
            "/srv/disks:vda:r",
            "/srv/disks/:vda:r",
            "/srv/disksx/a:vda:r",
            "/srv/disks//a:vda:r",
            "/srv/aXb+c/d:vda:w",
            "/srv/a.bbc/d:vda:w",
            "nbd://host/export:vda:w",
            # formats that name other files, and XML
            "disk:vda:w:vmdk",
            "disk:vda:w:raw'/><source file='/etc/shadow",
            "disk'/><source file='/etc/shadow:vda:w",
            "disk:vda'/>:w",
            "disk:vda:w&amp;",
            # what HTCondor would read otherwise than it is read here
            "disk:vda:w:qcow2:raw",
            "disk:vda",
            "disk:vda:w,",
            "disk:vda:w,,disk:vdb:w",
            "disk:vda:w;disk:vdb:w",
            "disk:vda:w\n",
            "disk:vda:w\n,/etc/shadow:vdb:r",
            "disk:vda:w\t,b:vdb:r",
            " disk:vda:w",
            "disk:vda:w ",
            'disk:vda:w",/etc/shadow:vdb:r,"',
            "disk:vda:w\\",
            "$$(Disk):vda:w",
            "",
            # what libvirt would refuse
            "a:vda:w,b:vda:r",
            "disk:xvda:w",
            "disk:fda:w",
            "disk:hde:w",
            "disk:hda:r",
            "comparison.qcow2:vda:w:qcow2",
        ]
    ],
    *[
        (DISKS, {"VMPARAM_vm_Disk": text})
        for text in [
            'ifThenElse(true, "disk.qcow2:vda:w:qcow2", "/etc/shadow:vdb:r:raw")',
            'strcat("disk.qcow2", ":vda:w:qcow2")',
            'MY.Other ?: "disk.qcow2:vda:w:qcow2"',
            '{ "disk.qcow2:vda:w:qcow2" }',
            '[ a = "disk.qcow2:vda:w:qcow2" ]',
            "13",
            "undefined",
            "error",
        ]
    ],
    (DISKS, {"VMPARAM_vm_Disk": None}),
    (DISKS, {"VMPARAM_vm_Disk": None, "vmparam_VM_DISK": string("/etc/shadow:vda:r")}),
    *[
        (NETWORK, {"JobVM_MACADDR": string(address)})
        for address in [
            "52:54:00:00:00:01'/><source file='/etc/shadow",
            "52:54:00:00:00:01\n",
            "53:54:00:00:00:01",
            "ff:ff:ff:ff:ff:ff",
            "FE:54:00:00:00:01",
            "52:54:00:00:00",
            "52-54-00-00-00-01",
            "",
        ]
    ],
    (NETWORK, {"JobVM_MACADDR": "undefined"}),
    (NETWORK, {"JobVM_MACADDR": 'strcat("52:54:00:00:00:01")'}),
    (NETWORK, {"jobvm_macaddr": string("<")}),
    (NETWORK, {"JobVMNetworkingType": string("nat'/>")}),
    (NETWORK, {"JobVMNetworkingType": string("bridge'/>")}),
    (NETWORK, {"JobVMNetworkingType": string("nat\n")}),
    (NETWORK, {"JobVMNetworkingType": 'ifThenElse(true, "nat", "bridge")'}),
    (NETWORK, {"VMPARAM_Bridge_Interface": string("br0'/>")}),
    (NETWORK, {"vmparam_bridge_interface": "undefined"}),
    *[
        (SIZE, {name: text})
        for name in ("JobVM_VCPUS", "JobVMMemory", "RequestCpus", "RequestMemory")
        for text in [
            *["0", "-1", "1.5", "1e3", "true", "undefined", "1 + 1", "1000000000", "{ 1 }", "[ a = 1 ]", string("1")],
            string(MARKUP),
            f"ifThenElse(true, 1, {string(MARKUP)})",
        ]
    ],
    (SIZE, {"JobVM_VCPUS": "256"}),
    (SIZE, {"JobVM_VCPUS": None}),
    (SIZE, {"JobVMMemory": None}),
    # awk takes these names for others, and so RequestCpus
    (SIZE, {"JobVM_VCPUS": None, "jobvm_vcpus": "1", "RequestCpus": f"1 + 0 * size({string(MARKUP)})"}),
    (INTERNALS, {"JobVMType": string("xen")}),
    (INTERNALS, {"JobVMType": string("kvm xen")}),
    (INTERNALS, {"JobVMType": 'ifThenElse(true, "kvm", "xen")'}),
    (INTERNALS, {"JobVMType": None}),
    (INTERNALS, {"User": string("alice</name><name>")}),
    (INTERNALS, {"User": None}),
    (INTERNALS, {"JobVMCheckpoint": "true"}),
    (INTERNALS, {"JobVMCheckpoint": None}),
    *[
        (INTERNALS, {name: text})
        for name in ("VM_WORKING_DIR", "VMPARAM_VM_NAME", "TransferIntermediate", "TransferPlugins", "PreCmd")
        for text in [string("/etc"), string(""), "undefined", "1"]
    ],
    (INTERNALS, {"vm_working_dir": string("/etc")}),
    # an ad of its own in the place that the conditions look at
    (DISKS, {"TARGET": "[ JobUniverse = 5 ]", "VMPARAM_vm_Disk": string("/etc/shadow:vda:r")}),
    (DISKS, {"VmJobDisksAreAllowed": "true", "VMPARAM_vm_Disk": string("/etc/shadow:vda:r")}),
]


@pytest.mark.parametrize(("condition", "changes"), ATTACKS)
def test_attack_is_kept_out_by_the_condition_that_names_it(condition: str, changes: Mapping[str, str | None]) -> None:
    assert failed(job(**changes), SLOT_WITH_DIRS) == {condition}
    assert not is_let_in(job(**changes), SLOT_WITH_DIRS)


@pytest.mark.parametrize("universe", ["5", "7", "12", "1", "130"])
def test_job_of_another_universe_is_let_in_whatever_it_says(universe: str) -> None:
    assert is_let_in(job(JobUniverse=universe, VMPARAM_vm_Disk=string("/etc/shadow:vda:r"), JobVMType=None))


@pytest.mark.parametrize(
    "universe", ["ifThenElse(isUndefined(TARGET.HasVM), 13, 5)", "5 + 0", "13.0", '"5"', "undefined", None]
)
def test_job_whose_universe_is_no_number_is_taken_for_a_vm_job(universe: str | None) -> None:
    """It could be a VM job on the node, where there is no slot ad to look at."""
    assert is_let_in(job(JobUniverse=universe))
    assert not is_let_in(job(JobUniverse=universe, VMPARAM_vm_Disk=string("/etc/shadow:vda:r")))


def test_job_is_let_in_by_slots_without_vm_rules_no_more_than_by_others() -> None:
    ad = slot()
    del ad["VmJobRules"]
    assert not is_let_in(job(), ad)


def test_conditions_do_not_write_the_networks_type_as_the_vm_gahp_looks_for_it() -> None:
    """HTCondor names in AutoClusterAttrs what START reads; found there, the name keeps the default type away."""
    assert not any("JobVMNetworkingType" in text for text in guard.attributes(DIRS).values())


def disks_of(value: str) -> list[list[str]]:
    """What libvirt_simple_script.awk makes of a vm_disk: fields split at white space and joined, quotes away, split."""
    value = " ".join(re.split(r"[ \t\n]+", value.replace('"', "")))
    return [disk.split(":") for disk in re.split(r" *, *", value)]


NAMES = st.sampled_from(
    ["disk", "a.qcow2", "x.iso", "..", ".", "/etc/shadow", "/srv/disks/a", "/srv/disks/../b", "/srv/a.b+c/d", "d/e"]
)
FIELDS = st.tuples(
    NAMES | st.text(max_size=5),
    st.sampled_from(["vda", "vdb", "sda", "hda", "xvda"]),
    st.sampled_from(["r", "w", "rw", "x"]),
    st.sampled_from(["", ":raw", ":qcow2", ":vmdk", ":"]) | st.text(max_size=5),
).map(lambda fields: ":".join(fields[:3]) + fields[3])
SEPARATORS = st.sampled_from([",", ", ", " ,", "  ,  "]) | st.text(" ,:\t\n'\"\\<", max_size=3)
DISK_LISTS = st.lists(st.tuples(FIELDS, SEPARATORS), min_size=1, max_size=3).map(
    lambda parts: "".join(field + separator for field, separator in parts)[: -len(parts[-1][1]) or None]
)


@settings(max_examples=500)
@given(DISK_LISTS | st.text(max_size=30))
def test_whatever_is_let_in_names_only_files_that_a_job_may_have(value: str) -> None:
    if "\0" in value or failed(job(VMPARAM_vm_Disk=string(value)), SLOT_WITH_DIRS):
        return
    for name, device, permission, *kind in disks_of(value):
        path = PurePosixPath(name)
        if path.is_absolute():
            assert any(PurePosixPath(directory) in path.parents for directory in DIRS)
            assert ".." not in path.parts
        else:
            assert len(path.parts) == 1
            assert name not in (".", "..")
        assert kind in ([], ["raw"], ["qcow2"])
        assert permission in ("r", "w", "rw")
        assert not set("<>&'\"") & set(name + device)


TEXTS = (
    st.text(max_size=30).filter(lambda text: "\0" not in text).map(string)
    | st.integers(0, 1 << 40).map(str)
    | st.from_regex(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}.?", fullmatch=True).map(string)
    | st.sampled_from(["nat", "kvm", "alice@worker"]).map(string)
)


@pytest.mark.parametrize(
    "name", ["JobVM_MACADDR", "JobVMNetworkingType", "JobVMType", "JobVMMemory", "JobVM_VCPUS", "RequestCpus", "User"]
)
@given(text=TEXTS)
def test_whatever_is_let_in_has_no_character_that_means_something_in_xml(name: str, text: str) -> None:
    if not failed(job(**{name: text})):
        assert re.fullmatch(r"[A-Za-z0-9:.@]+", text.strip('"'))
