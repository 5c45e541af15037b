"""HTCondor's configuration, from the output of condor_config_val of versions 23.9 and 25.14."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.outcome import PASSED, failed, unknown
from condor_kvm_stage.genconfig.probes import htcondor
from condor_kvm_stage.genconfig.probes.htcondor import SETTINGS, Htcondor, Setting, parse
from condor_kvm_stage.installed import SNIPPET
from support.fake_host import FakeHost

TOOL = "/usr/bin/condor_config_val"
POOL = "/etc/condor/config.d/10-pool.conf"
# Several settings have no value: those are told on stderr, and leave their origin without a name on stdout
PRINTED = f"""\
CONDOR_VERSION = 25.14.1
 # at: <Default>
 # raw: CONDOR_VERSION = 25.14.1

DETECTED_MEMORY = 24105
 # at: <Detected>
 # raw: DETECTED_MEMORY = 24105


num_CPUS = 8
 # at: {POOL}, line 4
 # raw: num_CPUS = 8

START = (True) && (TARGET.X == "a = b") # no comment
 # at: {POOL}, line 10
 # raw: START = ($(START)) && (TARGET.X == "a = b") # no comment

VM_GAHP_LOG @=end
   a = 1
   VM_TYPE = no
   b
@end
 # at: {POOL}, line 14
 # raw: 
 #   VM_GAHP_LOG = a = 1
 #   VM_TYPE = no
 #   b

 # at: {POOL}, line 7
 # raw: VM_MEMORY = 

 # at: <Default>
 # raw: VM_NETWORKING_TYPE = 

"""  # noqa: W291
UNSET = "Not defined: MEMORY\nNot defined: VM_MEMORY\nNot defined: VM_NETWORKING_TYPE\n"


def condor(**settings: str) -> Htcondor:
    return Htcondor(PASSED, True, (25, 14, 1), {name: Setting(value, POOL) for name, value in settings.items()})


def test_each_setting_has_its_own_value_and_origin() -> None:
    assert parse(PRINTED) == {
        "CONDOR_VERSION": Setting("25.14.1", "<Default>"),
        "DETECTED_MEMORY": Setting("24105", "<Detected>"),
        "NUM_CPUS": Setting("8", f"{POOL}, line 4"),  # HTCondor's names have no case
        "START": Setting('(True) && (TARGET.X == "a = b") # no comment', f"{POOL}, line 10"),
        "VM_GAHP_LOG": Setting("a = 1\nVM_TYPE = no\nb", f"{POOL}, line 14"),
        "VM_MEMORY": Setting("", f"{POOL}, line 7"),
        "VM_NETWORKING_TYPE": Setting("", "<Default>"),
    }


def test_unset_names_do_not_make_a_fault(tmp_path: Path) -> None:
    (tmp_path / "etc/condor/config.d").mkdir(parents=True)
    host = FakeHost(tmp_path, programs={TOOL: Answer(1, PRINTED, UNSET)})
    assert htcondor.probe(host) == Htcondor(PASSED, True, (25, 14, 1), parse(PRINTED))
    assert host.asked[0] == ("condor_config_val", "-subsystem", "STARTD", "-config", "-verbose", *SETTINGS)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Answer(-1, fault="condor_config_val did not end within 5 s"), "condor_config_val did not end within 5 s"),
        (
            Answer(1, "", f"Configuration Error Line 1 while reading config source {POOL}\nnot valid\n"),
            "Configuration Error Line 1 while reading config source /etc/condor/config.d/10-pool.conf not valid",
        ),
        (Answer(1, "", f"ERROR: Can't read config source {POOL}\n"), f"ERROR: Can't read config source {POOL}"),
    ],
)
def test_configuration_that_cannot_be_read_is_a_failure(tmp_path: Path, answer: Answer, fault: str) -> None:
    assert htcondor.probe(FakeHost(tmp_path, programs={TOOL: answer})) == Htcondor(
        unknown(fault) if answer.late else failed(fault), False, ()
    )


def test_host_without_htcondor_says_so(tmp_path: Path) -> None:
    assert htcondor.probe(FakeHost(tmp_path)) == Htcondor(failed("no program condor_config_val"), False, ())


def test_version_that_is_not_said_is_unknown(tmp_path: Path) -> None:
    answer = Answer(1, "START = True\n # at: <Default>\n")
    assert htcondor.probe(FakeHost(tmp_path, programs={TOOL: answer})).version == ()


@pytest.mark.parametrize(
    ("answer", "memory"),
    [
        (Answer(0, "21694\n"), 21694),
        (Answer(4, "", 'ERROR "$INT() error: x does not evaluate to an integer"'), None),
        (Answer(0, "$INT(MEMORY)\n"), None),
    ],
)
def test_number_that_is_an_expression_is_what_htcondor_makes_of_it(
    tmp_path: Path, answer: Answer, memory: int | None
) -> None:
    """HTCondor's own slots would have less memory than VM universe promises."""

    def tool(command: tuple[str, ...]) -> Answer:
        if command[1:] == ("-macro", "$INT(MEMORY)"):
            return answer
        assert "-macro" not in command
        return Answer(1, f"MEMORY = 24105 * 0.9\n # at: {POOL}, line 3\n # raw: x\n\nSTART = a\n # at: <Default>\n")

    found = htcondor.probe(FakeHost(tmp_path, programs={TOOL: tool}))
    assert found.memory == memory
    assert found.settings["MEMORY"].origin == f"{POOL}, line 3"
    assert found.value("MEMORY") == (str(memory) if memory else "24105 * 0.9")


@pytest.mark.parametrize(
    ("settings", "memory"),
    [
        ({}, None),
        ({"DETECTED_MEMORY": "16000"}, 16000),
        ({"DETECTED_MEMORY": "16000", "RESERVED_MEMORY": "1000"}, 15000),
        ({"DETECTED_MEMORY": "16000", "MEMORY": "8000"}, 8000),
        ({"DETECTED_MEMORY": "16000", "MEMORY": "8000", "RESERVED_MEMORY": "1000"}, 7000),
        ({"DETECTED_MEMORY": "16000", "MEMORY": "0"}, 16000),
        ({"DETECTED_MEMORY": "16000", "MEMORY": "unknown"}, None),
        ({"DETECTED_MEMORY": "1000", "RESERVED_MEMORY": "2000"}, 0),
        ({"MEMORY": "32000"}, 32000),
    ],
)
def test_memory_of_the_slots_is_worked_out_as_htcondor_does(settings: dict[str, str], memory: int | None) -> None:
    """sysapi_phys_memory() in HTCondor's condor_sysapi/phys_mem.cpp."""
    assert condor(**settings).memory == memory


@pytest.mark.parametrize(("value", "number"), [("8", 8), ("0", 0), ("", None), ("4 * 2", None), ("8.0", None)])
def test_number_is_a_whole_one_or_none(value: str, number: int | None) -> None:
    assert condor(NUM_CPUS=value).number("NUM_CPUS") == number
    assert condor().number("NUM_CPUS") is None


def test_value_that_is_not_set_is_empty() -> None:
    assert (condor(START="True").value("START"), condor().value("START")) == ("True", "")


@given(
    st.text() | st.lists(st.sampled_from(["A = b", " # at: x", " # raw: A", "B @=e", "  c", "@e", ""])).map("\n".join)
)
def test_any_output_has_settings_or_none(text: str) -> None:
    for name, setting in parse(text).items():
        assert name
        assert name == name.upper()
        assert f" # at: {setting.origin}" in text


@pytest.mark.parametrize("name", ["VM_MEMORY", "VM_MAX_NUMBER"])
def test_numbers_of_virtual_machines_may_be_expressions(tmp_path: Path, name: str) -> None:
    """Otherwise --apply would wait for the values of another file until it times out."""

    def tool(command: tuple[str, ...]) -> Answer:
        if command[1:] == ("-macro", f"$INT({name})"):
            return Answer(0, "2000\n")
        return Answer(1, f"{name} = 1000 * 2\n # at: {POOL}, line 3\n # raw: {name} = 1000 * 2\n\n")

    assert htcondor.probe(FakeHost(tmp_path, programs={TOOL: tool})).number(name) == 2000


@pytest.mark.parametrize(
    ("reader", "name"),
    [("STARTD", "VM_MEMORY"), ("STARTER", "FILETRANSFER_PLUGINS"), ("VM_GAHP", "LIBVIRT_XML_SCRIPT")],
)
def test_setting_is_as_the_program_that_uses_it_reads_it(tmp_path: Path, reader: str, name: str) -> None:
    """As condor_config_val -subsystem prints it: with the prefix that the file has."""

    def tool(command: tuple[str, ...]) -> Answer:
        prefix = f"{reader}." if command[1:3] == ("-subsystem", reader) else ""
        line = 7 if prefix else 2
        return Answer(0, f"{prefix}{name} = {line}\n # at: {POOL}, line {line}\n # raw: x\n")

    found = htcondor.probe(FakeHost(tmp_path, programs={TOOL: tool}))
    assert found.settings == {name: Setting("7", f"{POOL}, line 7")}


def test_files_are_those_that_htcondor_says_it_reads(tmp_path: Path) -> None:
    config = "Configuration source:\n\t/etc/condor/condor_config\nLocal:\n\t/a/b.conf\n\t/a/c d.bak\n"
    later = "START @=end\n\t/not/a/file\n@end\n # at: <Default>\n"

    def tool(command: tuple[str, ...]) -> Answer:
        return Answer(0, config + PRINTED + later if "-config" in command else PRINTED)

    found = htcondor.probe(FakeHost(tmp_path, programs={TOOL: tool}))
    assert found.files == ("/etc/condor/condor_config", "/a/b.conf", "/a/c d.bak")


@pytest.mark.parametrize(
    ("origin", "another"),
    [
        (SNIPPET, False),
        (f"{SNIPPET}, line 9", False),
        (f"{SNIPPET}.bak, line 9", True),
        (f"{SNIPPET}.2026-11-26, line 9", True),
        ("/etc/condor/config.d/60-local.conf, line 1", True),
        ("<Default>", False),
    ],
)
def test_copy_of_the_snippet_is_another_file(origin: str, another: bool) -> None:
    assert Setting("1", origin).in_another_file is another
