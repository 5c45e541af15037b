"""The manual page of what defines virtual machines says what it does: requests, definition, limits, statuses, files."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from condor_kvm_stage import chirp
from condor_kvm_stage.domain import (
    console,
    disks,
    domain_xml,
    job_ad,
    job_files,
    launcher,
    program,
    refusal,
    request,
    seed,
)
from condor_kvm_stage.errors import KvmStageError
from condor_kvm_stage.failures import BY_STATUS, ResolutionError
from condor_kvm_stage.installed import BUILDER, GUEST_FACTS, HOOK, POLICY
from condor_kvm_stage.job import CONSOLE, FILES_WANTED, SEED_FILES, SSH_KEY
from condor_kvm_stage.leftovers import private_dirs
from condor_kvm_stage.policy.model import Policy
from support.domain import guests, job_ads
from support.manual_pages import Page, literals, terms

REPOSITORY = Path(__file__).parents[3]
PAGE = Page("condor-kvm-stage-domain.8")
section = PAGE.section


def submit_commands(description: str) -> dict[str, str]:
    """The commands of a submit file, of one that is there twice the last."""
    return dict(re.findall(r"^(\w+) *= *(.+)$", description, re.MULTILINE))


def test_programs_are_those_that_the_generator_sets() -> None:
    assert re.findall(r"\*\*(/.*?)\*\*", section("SYNOPSIS")) == [BUILDER, HOOK]
    template = (REPOSITORY / "config.d/50-condor-kvm-stage.conf.j2").read_text(encoding="utf-8")
    script, hook = re.findall(r"^\| \*(\w+)\*", section("SYNOPSIS"), re.MULTILINE)
    assert f"{script} = {{{{ builder }}}}" in template
    assert f"{hook.replace('KVMSTAGE', '{{ keyword }}')} = {{{{ hook }}}}" in template


def test_every_attribute_that_is_asked_of_the_ad_is_a_command_of_the_page() -> None:
    """By what condor_submit makes of the commands; what is HTCondor's own is not there."""
    source = Path(request.__file__).read_text(encoding="utf-8")
    asked = set(re.findall(r'"(JobVM\w+|VMPARAM_\w+)"', source))
    commands = {
        "vm_type": "JobVMType",
        "vm_memory": "JobVMMemory",
        "vm_vcpus": "JobVM_VCPUS",
        "vm_disk": "VMPARAM_vm_Disk",
        "vm_networking": "JobVMNetworking",
        "vm_networking_type": "JobVMNetworkingType",
        "vm_macaddr": "JobVM_MACADDR",
        "vm_vnc": "JobVMVNCConsole",
        "vm_checkpoint": "JobVMCheckpoint",
        "MY.VMPARAM_Firmware": "VMPARAM_Firmware",
        f"MY.{FILES_WANTED}": FILES_WANTED,
    }
    # These reach the guest only, and are not read here
    of_guest = ["executable", "arguments", "environment", *SEED_FILES, f"MY.{SSH_KEY}"]
    assert terms(section("WHAT A JOB MAY ASK FOR")) == [*commands, *of_guest]
    others = {"VMPARAM_VM_NAME", "VMPARAM_Bridge_Interface", "VMPARAM_No_Output_VM"}
    assert asked | {FILES_WANTED} == set(commands.values()) | others


def test_data_for_cloud_init_are_as_the_page_says() -> None:
    text = section("CLOUD-INIT")
    assert f"at most {seed.LARGEST >> 20} MiB" in text
    assert "*CIDATA*" in text


def test_program_is_run_as_the_page_says() -> None:
    text = " ".join(section("THE PROGRAM").split())
    assert f"*{launcher.MOUNT_POINT}*" in text
    assert f"as user {job_files.OWNER}," in text
    assert all(f"*{name}*" in text for name in program._OUTPUT.values())
    script = program.script(program.Program("p", [], [], "o", "e")).decode()
    assert set(re.findall(r"\*(_CONDOR_\w+)\*", text)) == set(re.findall(r"_CONDOR_\w+", script))
    assert "--unit=condor-job " in launcher.vendor_data(False, False).decode()
    assert "*condor-job*" in text


def test_limits_of_a_request_are_the_codes() -> None:
    text = section("WHAT A JOB MAY ASK FOR")
    assert f"at most {request.MOST_DISKS} disks" in text
    assert f"1 to {request.MOST_VCPUS}." in text
    (mac,) = re.findall(r"as ``([0-9a-f:]+)``", text)
    assert request._MAC.fullmatch(mac)
    devices = re.findall(r"``([vsh]d[a-z]+)``", text)
    assert all(request._DEVICE.fullmatch(device) for device in devices)
    (values,) = re.findall(r"\*permission\* is (.*?);", text)
    for permission in re.findall(r"``(\w+)``", values):
        request._disks(f"disk:vda:{permission}", [])
    (values,) = re.findall(r"\*format\* is (.*?),", text)
    for image_format in re.findall(r"``(\w+)``", values):
        request._disks(f"disk:vda:w:{image_format}", [])


@pytest.mark.parametrize(
    "vm_disk", ["a.iso:vda:r", "a:hda:r", "a:vda:w,a:vdb:w", "a:vda:w,b:vda:w", ".a:vda:w", "/a:vda:w"]
)
def test_disk_that_the_page_excludes_is_refused(vm_disk: str) -> None:
    with pytest.raises(KvmStageError):
        request._disks(vm_disk, [])


def test_every_element_of_the_definition_is_there_in_its_order() -> None:
    domain = ElementTree.fromstring(domain_xml.definition(guests.GUESTS["everything"]))
    elements = [element.tag for element in domain if element.tag != "devices"]
    devices = [element.tag for element in domain.iterfind("devices/*")]
    assert terms(section("DEFINITION")) == list(dict.fromkeys([*elements, *devices]))


def test_cache_modes_are_those_of_the_definition() -> None:
    disk = guests.GUESTS["example"].disks[0]
    found = []
    for returns in (True, False):
        of = dataclasses.replace(guests.GUESTS["example"], disks=(dataclasses.replace(disk, is_output=returns),))
        driver = ElementTree.fromstring(domain_xml.definition(of)).find(".//driver")
        assert driver is not None
        found.append(driver.get("cache"))
    assert re.findall(r"cache mode \*(\w+)\*.*All others have \*(\w+)\*", section("DISKS"), re.DOTALL) == [tuple(found)]


def test_console_is_as_the_page_says() -> None:
    text = " ".join(section("CONSOLE").split())
    assert f"*{CONSOLE}*" in text
    assert f"at most {chirp._LONGEST} bytes" in text
    assert f"at most every {console._PAUSE} seconds" in text
    assert "*ChirpConsole*" in text
    assert '"ChirpConsole"' in Path(console.__file__).read_text(encoding="utf-8")
    assert '" | "' in text
    assert chirp.last_lines(b"a\r\nb\r\n") == '"a | b"'
    assert chirp.last_lines(b'say "a\\b"\x1b[m') == '"say ?a?b??[m"'


def test_ways_of_saying_what_comes_back_are_understood() -> None:
    first, second = terms(section("WHAT COMES BACK"))
    files = submit_commands(first)["transfer_output_files"]
    job = job_ad.read(job_ads.ad_of(TransferOutput=job_ads.string(files.replace(" ", ""))))
    name, log = files.split(", ")
    assert log == CONSOLE
    assert request.is_output(job, name)
    assert not request.is_output(job, "disk.qcow2")
    (value,) = submit_commands(second).values()
    assert not request.is_output(job_ad.read(job_ads.ad_of(VMPARAM_No_Output_VM=value.lower())), name)


def test_sub_codes_are_the_statuses_that_it_can_have() -> None:
    found = [int(status) for status in re.findall(r"^(\d\d)$", section("REFUSALS"), re.MULTILINE)]
    assert found == sorted(set(BY_STATUS) - {ResolutionError.status})  # it parses no URL


def test_checks_that_the_plug_in_has_not_are_named() -> None:
    modules = Path(disks.__file__).parent.glob("*.py")
    own = {name for path in modules for name in re.findall(r'check="(\w+)"', path.read_text(encoding="utf-8"))}
    paragraph = section("REFUSALS").partition("Two checks are not")[2].partition("\n\n")[0]
    assert own - set(terms(Page("vm-nfs-plugin.1").section("CHECKS"))) == set(re.findall(r"``(\w+)``", paragraph))


def test_words_by_which_htcondor_blames_the_job_are_quoted() -> None:
    assert f'"{refusal._WORDS}"' in section("REFUSALS").replace("\n", " ")


def test_files_are_those_that_are_installed_read_and_written() -> None:
    files = re.findall(r"^\*(/.*)\*$", section("FILES"), re.MULTILINE)
    wrapper = (REPOSITORY / "scripts/condor-kvm-stage-domain").read_text(encoding="utf-8")
    (program,) = re.findall(r"\$\((/\S+) ", wrapper)
    assert files == [BUILDER, program, HOOK, POLICY, GUEST_FACTS]
    assert re.findall(r"\*(\S+?\.condor-kvm-stage)\*", section("FILES")) == [
        f"scratch{private_dirs.SUFFIX}",
        f"dir_<number>{private_dirs.SUFFIX}",
    ]
    for table, keys in (("guest", ["guarded", "console", "vnc"]), ("vm", ["disk_dirs"]), ("staging", ["image_dirs"])):
        for key in keys:
            assert f"{table}.{key}" in PAGE.text or f"``{key} = " in PAGE.text
            assert key in getattr(Policy(), table).__slots__


def test_interval_is_the_one_that_the_snippet_sets() -> None:
    template = (REPOSITORY / "config.d/50-condor-kvm-stage.conf.j2").read_text(encoding="utf-8")
    (interval,) = re.findall(r"^VM_STATUS_INTERVAL = (\d+)$", template, re.MULTILINE)
    assert f"| {interval} s  until it asks for the first time" in section("THE END OF A JOB")


def test_examples_are_accepted() -> None:
    jobs_shown = [block for block in literals(section("EXAMPLES")) if "vm_disk" in block]
    assert len(jobs_shown) == 2
    for block in jobs_shown:
        commands = submit_commands(block)
        brought = [url.rpartition(":")[2].strip() for url in commands["transfer_input_files"].split(",")]
        names = [disk.name for disk in request._disks(commands["vm_disk"], [])]
        assert names == [name for name in brought if name not in SEED_FILES]


def test_settings_that_the_page_says_the_snippet_makes_are_there() -> None:
    template = (REPOSITORY / "config.d/50-condor-kvm-stage.conf.j2").read_text(encoding="utf-8")
    for name, value in (("VM_GAHP_SEND_ALL_CLASSAD", "False"), ("VM_SOFT_SUSPEND", "True")):
        assert f"*{name}* = {value.lower()}" in PAGE.text
        assert f"\n{name} = {value}\n" in template
