"""Random VM jobs: what the conditions admit refers to no other file, and has no character of XML."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.vm_job_ads import DIRS, SLOT_WITH_DIRS, failed, job, string

pytestmark = pytest.mark.needs_classad2


def disks_of(value: str) -> list[list[str]]:
    """A vm_disk as parsed by libvirt_simple_script.awk: split at white space and joined, quotes removed, split."""
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


# Anything, and what is of good form but for a character at its end
TEXTS = st.integers(0, 1 << 40).map(str) | (
    st.text(max_size=30) | st.from_regex(r"(nat|kvm|alice@worker|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}).?", fullmatch=True)
).filter(lambda text: "\0" not in text).map(string)


@pytest.mark.parametrize(
    "name", ["JobVM_MACADDR", "JobVMNetworkingType", "JobVMType", "JobVMMemory", "JobVM_VCPUS", "RequestCpus", "User"]
)
@given(text=TEXTS)
def test_whatever_is_let_in_has_no_character_that_means_something_in_xml(name: str, text: str) -> None:
    if not failed(job(**{name: text})):
        assert re.fullmatch(r"[A-Za-z0-9:.@_+-]+", text.strip('"'))
