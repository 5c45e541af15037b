"""What an access point refuses is what no node's guard would let in, and the reason says which form is right."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from condor_kvm_stage import __version__
from condor_kvm_stage.genconfig.snippet import start_guard
from submitrules import causes, snippet
from support.submit_requirements import NAMES, PREFIX, directories_for, refusal
from support.submit_requirements import settings as settings_of
from support.vm_job_ads import failed, job, slot, string
from unit.genconfig.snippet.test_start_guard_attacks import ATTACKS

pytestmark = pytest.mark.needs_classad2


def test_configuration_is_as_it_was_last_read(golden: Callable[[str, str], None]) -> None:
    golden("submit/50-condor-kvm-stage-submit.conf", snippet.render().replace(__version__, "VERSION"))


def test_every_rule_of_the_guard_is_there_and_has_its_reasons() -> None:
    of_the_node = {"VmJobNodeIsHealthy"}
    assert set(start_guard.attributes([])) - of_the_node == set(NAMES)
    for of_one in causes.CAUSES.values():
        assert [cause for cause in of_one if not cause.condition] == of_one[-1:]


@pytest.mark.parametrize("before", ["", "SUBMIT_REQUIREMENT_NAMES = Site, Other\n"])
def test_list_of_requirements_is_appended_to(before: str) -> None:
    names = settings_of(before + snippet.render())[f"{PREFIX}NAMES"]
    assert re.split("[ ,]+", names.strip()) == (["Site", "Other"] if before else []) + NAMES


MISTAKES: list[tuple[str, Mapping[str, str | None]]] = [
    *[
        (words, {"VMPARAM_vm_Disk": string(disks)})
        for words, disks in [
            # the form that condor_submit itself recommends
            ("hda1 would be a partition", "disk.qcow2:hda1:w"),
            ("write disk.qcow2:vda:w:qcow2", "disk.qcow2:sda1:w:qcow2"),
            ("xvdb is a device of Xen, this is KVM; write disk.qcow2:vdb:w", "disk.qcow2:xvdb:w"),
            ("the device must be vda to vdzz, sda to sdzz, or hda to hdd; write disk:vde:w", "disk:hde:w"),
            ("the device must be", "disk:VDA:w"),
            ("cannot be vdb; write seed.iso:sdb:r:raw", "disk.qcow2:vda:w,seed.iso:vdb:r:raw"),
            ("write comparison.qcow2:sda:w:qcow2, or, if it is a disk, rename it", "comparison.qcow2:vda:w:qcow2"),
            ("only a CD-ROM, a file with 'iso'", "disk:hda:r"),
            ("device and permission are missing; write disk.qcow2:vda:w", "disk.qcow2"),
            ("device and permission are missing; write seed.iso:sda:w", "seed.iso"),
            ("the permission is missing; write disk.qcow2:vda:w", "disk.qcow2:vda"),
            ("the permission is 'x'", "disk.qcow2:vda:x"),
            ("the permission is 'W'", "disk.qcow2:vda:W:qcow2"),
            ("the format is 'vmdk'", "disk.vmdk:vda:w:vmdk"),
            ("a colon too many", "disk.qcow2:vda:w:qcow2:raw"),
            ("a part is empty", ":vda:w"),
            ("lie in one directory, without their paths; write disk.qcow2:vda:w", "images/disk.qcow2:vda:w"),
            ("lie in one directory", "../disk.qcow2:vda:w"),
            ("a path is of letters", "/srv/disks/.a:vda:w"),
            ("a path is of letters", "/srv/disks/../a:vda:w"),
            ("does not begin with a dot; rename the file", ".disk:vda:w"),
            ("a disk's name is of letters", "my disk.qcow2:vda:w"),
            ("a URL belongs into transfer_input_files", "nfs:///srv/images/base.qcow2:disk.qcow2:vda:w"),
            ("has the device vda twice", "a:vda:w,b:vda:w"),
            ("a comma too many, or is empty", "a:vda:w,"),
            ("a comma too many, or is empty", "a:vda:w,,b:vdb:w"),
            ("a comma too many, or is empty", ""),
            ("vm_disk has 'b;c:vdb:w'", "a:vda:w,b;c:vdb:w"),
            ("without quotation marks", 'a:vda:w"'),
        ]
    ],
    ("the job has no disk", {"VMPARAM_vm_Disk": None}),
    ("vm_disk must be written out", {"VMPARAM_vm_Disk": 'strcat("a", ":vda:w")'}),
    ('vm_macaddr is "ff:ff:ff:ff:ff:ff"', {"JobVM_MACADDR": string("ff:ff:ff:ff:ff:ff")}),
    ('vm_networking_type is "vlan"; write nat', {"JobVMNetworkingType": string("vlan")}),
    ("names a bridge", {"VMPARAM_Bridge_Interface": string("br0")}),
    ("the memory of the virtual machine is ''", {"JobVMMemory": None}),
    ("request_memory is 'MemoryUsage * 2'", {"RequestMemory": "MemoryUsage * 2"}),
    ("request_cpus is '0'", {"RequestCpus": "0"}),
    ("the number of CPUs of the virtual machine is '256'", {"JobVM_VCPUS": "256", "RequestCpus": "256"}),
    (
        "vm_memory = 512 is more than request_memory = 64, and a guest has only what its slot has; write "
        "request_memory = 512",
        {"JobVMMemory": "512", "RequestMemory": "64"},
    ),
    ("vm_vcpus = 4 is more than request_cpus = 1", {"JobVM_VCPUS": "4"}),
    ('write MY.VMPARAM_Firmware = "uefi"', {"VMPARAM_Firmware": string("efi")}),
    ('VMPARAM_Job_Files is "true"; write MY.VMPARAM_Job_Files = True', {"VMPARAM_Job_Files": string("true")}),
    ("the job has no vm_type; write vm_type = kvm", {"JobVMType": None, "VMPARAM_vm_Disk": None}),
    ('vm_type is "KVM"', {"JobVMType": string("KVM")}),
    ("vm_checkpoint is 'true'", {"JobVMCheckpoint": "true"}),
    ("transfer_plugins", {"TransferPlugins": string("x=/bin/x")}),
    ("PreCmd", {"PreCmd": string("x")}),
    ("VMPARAM_VM_NAME", {"VMPARAM_VM_NAME": string("x")}),
    ("VM_WORKING_DIR", {"VM_WORKING_DIR": string("/etc")}),
    ("TransferIntermediate", {"TransferIntermediate": string("x")}),
    ("the user's name is", {"User": string("alice smith@worker")}),
]


@pytest.mark.parametrize(("words", "changes"), MISTAKES)
def test_mistake_is_refused_in_words_that_say_what_to_write(words: str, changes: Mapping[str, str | None]) -> None:
    assert failed(job(**changes)), "the guard takes it"
    assert words in refusal(job(**changes))


def test_each_cause_is_told_of_some_mistake() -> None:
    told = [refusal(job(**changes)) for _, changes in MISTAKES]
    for of_one in causes.CAUSES.values():
        for cause in of_one:
            if cause.message.startswith("vm_disk must be a list of"):
                continue  # for what nobody has thought of
            words = max(re.split("{[a-z_]+}", cause.message), key=len)
            assert any(words in text for text in told), cause.message


@pytest.mark.parametrize("changes", [changes for words, changes in MISTAKES if re.search("; write [^ ,]+:", words)])
def test_disk_that_the_reason_says_to_write_is_taken(changes: Mapping[str, str]) -> None:
    (better,) = re.findall("; write ([^ ,]+:[^ ,]+)", refusal(job(**changes)))
    assert refusal(job(VMPARAM_vm_Disk=string(better))) == ""


@pytest.mark.parametrize("universe", ["5", "7", "12", "1", "130", "undefined", "12 + 1", None])
def test_job_of_another_universe_is_taken_whatever_it_says(universe: str | None) -> None:
    ad = job(JobUniverse=universe, VMPARAM_vm_Disk=string("hda1"), JobVMType=None, RequestMemory=None)
    assert refusal(ad) == ""


def test_job_for_other_hypervisors_is_left_to_the_nodes_that_have_them() -> None:
    assert refusal(job(JobVMType=string("xen"), VMPARAM_vm_Disk=string("disk:xvda:w"))) == ""


@pytest.mark.parametrize("path", ["/srv/disks/a", "/srv/.a/b", "/etc/shadow"])
def test_path_that_a_nodes_policy_could_allow_is_not_judged(path: str) -> None:
    assert refusal(job(VMPARAM_vm_Disk=string(f"{path}:vda:w"))) == ""


def test_reason_is_one_line_and_not_without_end() -> None:
    """The schedd writes it into its log."""
    assert r"a\nb" in refusal(job(JobVMNetworkingType=string("a\nb")))
    assert "\n" not in refusal(job(JobVMNetworkingType=string("a\nb")))
    assert len(refusal(job(VMPARAM_vm_Disk=string("x" * 100_000 + "/y:vda:w")))) == 1000


# What a pattern could take long to match, and then does not: each of 64 KiB
PARTS = ["a:vda:w,", "/a/b/c/d/e:vda:w,", "/a", "x", ":", "iso", ":vda:", "a b", "/..", "//"]
LETTERS = ("".join(letters) for letters in itertools.product("abcdefgh", repeat=5))
LONG = [
    *(part * (65536 // len(part)) + "/y:vda:!" for part in PARTS),
    ",".join(f"a:vd{letters}:w" for letters in itertools.islice(LETTERS, 5400)),
]


@pytest.mark.parametrize("disks", LONG, ids=[*PARTS, "devices"])
def test_long_list_of_disks_does_not_keep_the_schedd_busy(disks: str) -> None:
    """A schedd that evaluates a pattern does nothing else. It takes at most some tenths of a second."""
    start = time.process_time()
    assert refusal(job(VMPARAM_vm_Disk=string(disks)))
    assert time.process_time() - start < 5


def are_the_same(changes: Mapping[str, str | None]) -> None:
    """Assert that the access point refuses a job if, and only if, no node would let it in, whatever its policy."""
    ad = job(**changes)
    disks = ad.get("VMPARAM_vm_Disk")
    guard = bool(failed(ad, slot(directories_for(disks if isinstance(disks, str) else ""))))
    assert bool(refusal(ad)) == guard


@pytest.mark.parametrize("changes", [changes for _, changes in ATTACKS if changes.get("JobVMType") != string("xen")])
def test_attack_is_refused_unless_a_policy_could_allow_it(changes: Mapping[str, str | None]) -> None:
    are_the_same(changes)


NAMES_OF_DISKS = st.sampled_from(
    [
        *["disk", "a.qcow2", "x.iso", "-", "..", ".", "", ".a", "d/e", "ü", "/etc/shadow", "/srv/disks/x/b.iso", "/a"],
        *["/srv/disks/../b", "/srv/disks//a", "//srv/a", "/srv//x/a", "/srv/./a", "/srv/.d/a", "/srv/disks/", "/.a/b"],
        *["/../a/b", "/a/.../b", "/a.+-_/b", "/a/b/c/d/e", "/a,b/c", "/a b/c", "/./a"],
    ]
)
FIELDS = st.tuples(
    NAMES_OF_DISKS
    | st.lists(st.sampled_from(["/", ".", "a", "b+c", "iso"]), max_size=8).map("".join)
    | st.text(max_size=3),
    st.sampled_from(["vda", "vdb", "sda", "hda", "hdd", "hde", "xvda", "hda1", "vdaaa"]) | st.text(max_size=3),
    st.sampled_from(["r", "w", "rw", "x", ""]),
    st.sampled_from(["", ":raw", ":qcow2", ":vmdk", ":", ":raw:raw"]),
).map(lambda fields: ":".join(fields[:3]) + fields[3])
SEPARATORS = st.sampled_from([",", ", ", " ,", ",,", "\t,", ";"])
DISK_LISTS = st.lists(st.tuples(FIELDS, SEPARATORS), min_size=1, max_size=3).map(
    lambda parts: "".join(field + separator for field, separator in parts)[: -len(parts[-1][1])]
)


@settings(max_examples=400, deadline=None)
@given(DISK_LISTS | st.text(max_size=20))
@example("/a/b:vda:w,/c/d/e:vdb:w")
@example("a:vda:w,b:vdb:w,a:vda:r")
def test_list_of_disks_is_refused_exactly_if_no_node_would_let_it_in(disks: str) -> None:
    assume("\0" not in disks)
    are_the_same({"VMPARAM_vm_Disk": string(disks)})


TEXTS = (
    st.integers(0, 300).map(str)
    | st.sampled_from(["true", "undefined", "error", "JobVMMemory", "MY.JobVM_VCPUS", "1.5", "{ 1 }"])
    | st.sampled_from(["nat", "User", "kvm", "uefi", "52:54:00:12:34:56", "a@b", ""]).map(string)
    | st.text(max_size=5).filter(lambda text: "\0" not in text).map(string)
)
ATTRIBUTES = [
    *[
        "JobVM_MACADDR",
        "JobVMNetworkingType",
        "VMPARAM_Bridge_Interface",
        "VMPARAM_Firmware",
        "JobVMCheckpoint",
        "User",
    ],
    *[
        "JobVMMemory",
        "RequestMemory",
        "JobVM_VCPUS",
        "RequestCpus",
        "PreCmd",
        "TransferPlugins",
        "TransferIntermediate",
    ],
    *["VMPARAM_VM_NAME", "VM_WORKING_DIR", "VMPARAM_vm_Disk", "jobvm_vcpus"],
]


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(ATTRIBUTES), TEXTS | st.none(), max_size=3))
def test_job_is_refused_exactly_if_no_node_would_let_it_in(changes: dict[str, str | None]) -> None:
    are_the_same(changes)
