"""The conditions for VM jobs in START and the builder agree: what one lets in the other does not refuse.

The conditions' regular expressions are evaluated here by Python, which understands these as PCRE does; HTCondor's own
library has them in tests/unit/genconfig/snippet/test_start_guard.py. Where the two differ, and must, a test says so.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import request
from condor_kvm_stage.failures import StageError
from condor_kvm_stage.genconfig.snippet import start_guard
from support.domain.job_ads import facts, parse, site, string

DIRS = ["/srv/disks", "/srv/a.b+c"]
EXPRESSIONS = start_guard.attributes(DIRS)


def pattern(condition: str, attribute: str) -> re.Pattern[str]:
    """The regular expression by which a condition judges the text of an attribute."""
    of_attribute = rf'regexp\("((?:[^"\\]|\\.)*)", evalInEachContext\(unparse\({attribute}\)[^)]*\)\[0\](, "i")?\)'
    ((text, any_case),) = re.findall(of_attribute, EXPRESSIONS[condition])
    return re.compile(text.replace('\\"', '"'), re.IGNORECASE if any_case else 0)


DISK_LISTS = pattern("VmJobDisksAreAllowed", "VMPARAM_vm_Disk")
ADDRESSES = pattern("VmJobNetworkIsAllowed", "JobVM_MACADDR")
KINDS = pattern("VmJobNetworkIsAllowed", "jobvmnetworkingtype")
TYPES = pattern("VmJobSetsNoInternals", "JobVMType")
FIRMWARE = pattern("VmJobFirmwareIsAllowed", "VMPARAM_Firmware")
FILES = pattern("VmJobFilesArePossible", "VMPARAM_Job_Files")
USERS = pattern("VmJobSetsNoInternals", "User")
SIZES = {
    name: pattern("VmJobSizeIsNumbers", name) for name in ("JobVMMemory", "RequestMemory", "JobVM_VCPUS", "RequestCpus")
}


def lets_in(conditions: re.Pattern[str], text: str) -> bool:
    return bool(conditions.search(string(text)))


def takes(**changes: str) -> bool:
    """Whether the builder takes the example with these expressions."""
    try:
        parse(site(DIRS), facts(uefi=True, virtiofsd="/usr/libexec/virtiofsd"), **changes)
    except StageError:
        return False
    return True


@settings(deadline=None)
@given(st.sampled_from(["uefi", "bios", "UEFI", "Bios", "efi", "uefi "]) | st.text(min_size=1, max_size=5))
def test_firmware_is_taken_exactly_if_the_condition_lets_it_in(text: str) -> None:
    assume("\n" not in text)
    assert takes(VMPARAM_Firmware=string(text)) == lets_in(FIRMWARE, text)


@pytest.mark.parametrize("text", ["true", "false", '"true"', "1", "0", "true || false", "yes"])
def test_wish_for_files_is_taken_exactly_if_the_condition_lets_it_in(text: str) -> None:
    assert takes(VMPARAM_Job_Files=text) == bool(FILES.search(text))


def takes_disks(text: str) -> bool:
    return takes(VMPARAM_vm_Disk=string(text))


NAMES = st.sampled_from(
    [
        *["disk", "a.qcow2", "x.iso", "iso", "-", "_+.", "..", ".", "", ".a", "d/e", "ü", "a b"],
        *["/etc/shadow", "/srv/disks/a", "/srv/disks/x/b.iso", "/srv/disks/../b", "/srv/disks//a", "/srv/disks/"],
        *["/srv/disksx/a", "/srv/a.b+c/d", "/srv/axbbc/d"],
    ]
)
DEVICES = st.sampled_from(
    ["vda", "vdb", "vdzz", "vdaaa", "vd", "sda", "sdab", "hda", "hdd", "hde", "hdab", "xvda", "VDA", "vda\n"]
)
FIELDS = st.tuples(
    NAMES | st.text(max_size=3),
    DEVICES | st.text(max_size=3),
    st.sampled_from(["r", "w", "rw", "wr", "R", ""]),
    st.sampled_from(["", ":raw", ":qcow2", ":vmdk", ": ", ":raw:raw", ":RAW"]),
).map(lambda fields: ":".join(fields[:3]) + fields[3])
# Of good form
SOUND = st.tuples(
    st.sampled_from(["disk", "a.qcow2", "x.iso", "b", "c", "d", "/srv/disks/a", "/srv/a.b+c/d/e"]),
    st.sampled_from(["vda", "vdb", "sda", "sdb", "hda", "hdb"]),
    st.sampled_from(["r", "w", "rw"]),
    st.sampled_from(["", ":raw", ":qcow2"]),
).map(lambda fields: ":".join(fields[:3]) + fields[3])
SEPARATORS = st.sampled_from([",", ", ", " ,", "  ,  "])


def lists(fields: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(fields, SEPARATORS), min_size=1, max_size=3).map(
        lambda parts: "".join(field + separator for field, separator in parts)[: -len(parts[-1][1])]
    )


@settings(max_examples=400, deadline=None)
@given(lists(SOUND) | lists(SOUND | FIELDS) | st.text(max_size=20).filter(lambda text: "\n" not in text))
@example("a:vda:r:raw,b:vdb:r:raw")
@example("vda:vdb:w,vdb:vda:w")
def test_list_of_disks_is_taken_exactly_if_the_condition_lets_it_in(text: str) -> None:
    assume(text == text.strip(" "))
    names = [disk.split(":")[0].strip(" ") for disk in text.split(",")]
    assume(len(set(names)) == len(names))
    assume(not re.search(":[a-z]+:[rw]+: *(,|$)", text))
    let_in = lets_in(DISK_LISTS, text)
    event("let in" if let_in else "kept out")
    assert takes_disks(text) == let_in


@pytest.mark.parametrize(
    "text", ["a:vda:r:raw,a:vdb:r:raw", ",".join(f"d{i}:vd{chr(97 + i)}:w" for i in range(request.MOST_DISKS + 1))]
)
def test_one_file_twice_and_more_disks_than_libvirt_has_places_for_are_refused_later(text: str) -> None:
    """A regular expression could say neither in a way that HTCondor's configuration has room for."""
    assert lets_in(DISK_LISTS, text)
    assert not takes_disks(text)


@pytest.mark.parametrize("text", [" a:vda:w", "a:vda:w ", "a:vda:w:"])
def test_what_says_nothing_more_is_kept_out_and_would_do_no_harm(text: str) -> None:
    assert not lets_in(DISK_LISTS, text)
    assert takes_disks(text)


OCTETS = st.integers(0, 255).map("{:02x}".format) | st.integers(0, 255).map("{:02X}".format)


def addresses(octets: st.SearchStrategy[str], shortest: int, longest: int) -> st.SearchStrategy[str]:
    return st.lists(octets, min_size=shortest, max_size=longest).map(":".join)


@settings(max_examples=300, deadline=None)
@given(
    addresses(OCTETS, 6, 6)
    | addresses(OCTETS | st.text(max_size=3), 5, 7)
    | st.text("0123456789abcdefABCDEF:'> \u0130\u212a", max_size=18)
    | st.text(max_size=18)
)
def test_address_is_taken_exactly_if_the_condition_lets_it_in(text: str) -> None:
    assume("\n" not in text)
    assume(text)  # "" is what HTCondor has for none
    let_in = lets_in(ADDRESSES, text)
    event("let in" if let_in else "kept out")
    assert takes(JobVM_MACADDR=string(text)) == let_in


@settings(deadline=None)
@given(st.sampled_from(["nat", "user", "bridge", "NAT", "Bridge", "nat,user", "nat'"]) | st.text(max_size=8))
def test_kind_of_network_is_taken_exactly_if_the_condition_lets_it_in(text: str) -> None:
    assume("\n" not in text)
    assume(text.strip())  # as above
    assume(text == text.strip())  # the vm-gahp is not that strict
    assert takes(JobVMNetworking="true", JobVMNetworkingType=string(text)) == lets_in(KINDS, text)


@settings(deadline=None)
@given(st.sampled_from(["kvm", "KVM", "xen", "kvm "]) | st.text(max_size=5))
def test_type_is_taken_exactly_if_the_condition_lets_it_in(text: str) -> None:
    assume("\n" not in text)
    assert takes(JobVMType=string(text)) == lets_in(TYPES, text)


@settings(deadline=None)
@given(st.sampled_from(sorted(SIZES)), st.integers(0, 300) | st.integers(0, 2 * 10**9))
def test_size_is_taken_if_the_condition_lets_it_in(name: str, number: int) -> None:
    text = str(number)
    let_in = bool(SIZES[name].search(text))
    if name.startswith("Job"):
        assert takes(**{name: text}) == let_in
    else:  # does not count beside the other, which the condition demands
        assert takes(**{name: text}) or not let_in


# HTCondor's User: what a system or a token calls him, and the pool
PEOPLE = st.from_regex(r"[A-Za-z0-9_@+-][A-Za-z0-9._@+-]{0,120}", fullmatch=True)


@settings(deadline=None)
@given(PEOPLE, st.integers(1, 2**31 - 1), st.integers(0, 2**31 - 1))
@example("a" * 121, 2**31 - 1, 2**31 - 1)
def test_name_that_htcondor_makes_of_a_user_who_is_let_in_is_taken(user: str, cluster: int, process: int) -> None:
    """create_name_for_VM(): User, with @ as _."""
    assert lets_in(USERS, user)
    name = f"{user.replace('@', '_')}_{cluster}.{process}"
    assert takes(VMPARAM_VM_NAME=string(name))


@pytest.mark.parametrize("user", [".alice@worker", "a" * 122])
def test_user_whose_name_libvirt_could_not_make_a_file_of_is_refused_later(user: str) -> None:
    assert lets_in(USERS, user)
    assert not takes(VMPARAM_VM_NAME=string(f"{user.replace('@', '_')}_1.0"))


@pytest.mark.parametrize("directory", ["/srv/a.b+c", "/srv/.disks", "/.d/x+y"])
def test_file_in_any_directory_that_policy_can_name_is_taken_if_it_is_let_in(directory: str) -> None:
    text = f"{directory}/a.qcow2:vda:w"
    condition = start_guard.attributes([directory])["VmJobDisksAreAllowed"]
    (quoted,) = re.findall(r'regexp\("((?:[^"\\]|\\.)*)"', condition)
    assert re.search(quoted.replace('\\"', '"'), string(text))
    assert parse(site([directory]), VMPARAM_vm_Disk=string(text)).disks[0].name == f"{directory}/a.qcow2"
