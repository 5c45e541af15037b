"""A job's ad is read as far as it is written out plainly; whatever else is in it becomes nothing, or a refusal."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from condor_kvm_stage.domain import job_ad
from condor_kvm_stage.domain.job_ad import Ad
from condor_kvm_stage.failures import ParameterError
from support.domain.job_ads import EXAMPLE, ad_of, string

PLAIN = st.text(max_size=20).map(lambda text: re.sub(r'[\n"\\]', "", text))
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
# each of the ways to read an attribute
READERS: list[Callable[[Ad, str], object]] = [Ad.string, Ad.strings, Ad.number, Ad.boolean, Ad.has]


def test_example_is_read_in_each_kind_of_value() -> None:
    job = job_ad.read(ad_of())
    assert job.string("VMPARAM_vm_Disk") == "disk.qcow2:vda:w:qcow2"
    assert job.number("JobVMMemory") == 64
    assert job.boolean("JobVMNetworking") is False
    assert job_ad.read(ad_of(JobVMNetworking="true")).boolean("JobVMNetworking") is True


def test_attribute_that_is_missing_or_undefined_has_no_value() -> None:
    for job in (job_ad.read(b""), job_ad.read(b"A = undefined\n"), job_ad.read(b"A = UNDEFINED\n")):
        assert (job.string("A"), job.number("A"), job.boolean("A")) == (None, None, False)


@settings(deadline=None)
@given(names, PLAIN, st.data())
def test_string_comes_back_as_it_was_whatever_the_letters_of_its_name(
    name: str, text: str, data: st.DataObject
) -> None:
    asked = data.draw(st.sampled_from([name, name.lower(), name.upper(), name.swapcase()]))
    job = job_ad.read(f"{name} = {string(text)}\n".encode())
    assert job.string(asked) == text
    assert job.strings(asked) == [text]


@settings(deadline=None)
@given(st.binary(max_size=20).filter(lambda text: not set(text) & set(b'\n"\\')))
def test_bytes_that_are_no_utf_8_come_back_as_they_were(text: bytes) -> None:
    value = job_ad.read(b'A = "' + text + b'"').string("A")
    assert value is not None
    assert value.encode("utf-8", "surrogateescape") == text


@settings(deadline=None)
@given(names, st.integers(0, 10**9 - 1))
def test_number_comes_back(name: str, number: int) -> None:
    assert job_ad.read(f"{name} = {number}".encode()).number(name) == number


@pytest.mark.parametrize(
    "text",
    [
        "-1",
        "1000000000",
        "1.5",
        "1e3",
        "0x10",
        "1 + 1",
        "MY.x",
        '"1"',
        "true",
        "1 ",
        " 1",
        "\u0661",
        "1_0",
        "{ 1 }",
        "",
    ],
)
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="it must be a whole number"):
        job_ad.read(f"A = {text}".encode()).number("A")


@pytest.mark.parametrize(
    "text",
    [
        'strcat("a", "b")',
        'ifThenElse(true, "a", "b")',
        '"a" "b"',
        '"a\\"b"',
        '"a\\\\"',
        '"a',
        'a"',
        "a",
        "13",
        "'a'",
        ' "a"',
        '"a" ',
        "error",
        '{ "a" }',
        "",
    ],
)
def test_string_that_is_not_written_out_plainly_is_refused(text: str) -> None:
    job = job_ad.read(f"A = {text}".encode())
    for read in (Ad.string, Ad.strings):
        with pytest.raises(ParameterError, match="it must be a plain string, written out: correct the submit file"):
            read(job, "A")


@pytest.mark.parametrize("text", ["1", "0", "True ", '"true"', "!false", "error", "yes", ""])
def test_what_is_neither_true_nor_false_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="it must be true or false"):
        job_ad.read(f"A = {text}".encode()).boolean("A")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("TRUE", True), ("False", False)])
def test_boolean_is_written_in_any_letters(text: str, value: bool) -> None:
    assert job_ad.read(f"A = {text}".encode()).boolean("A") is value


@pytest.mark.parametrize("second", ["VMPARAM_vm_Disk", "VMPARAM_VM_DISK", "vmparam_vm_disk"])
def test_attribute_that_is_there_twice_is_not_believed(second: str) -> None:
    job = job_ad.read(ad_of() + f'{second} = "x:vda:w"\n'.encode())
    with pytest.raises(
        ParameterError, match="has VMPARAM_vm_Disk more than once; write no line breaks into attributes"
    ):
        job.string("VMPARAM_vm_Disk")


@settings(deadline=None)
@given(st.sampled_from(sorted(EXAMPLE)), st.sampled_from(sorted(EXAMPLE)), PLAIN)
def test_line_break_in_a_value_cannot_replace_another_attribute(carrier: str, target: str, text: str) -> None:
    """HTCondor prints the break as it is, and behind it what looks like a line of the ad."""
    job = job_ad.read(ad_of(**{carrier: string(f"x\n{target} = {text}")}))
    before = job_ad.read(ad_of())
    for read in (Ad.string, Ad.number, Ad.boolean):
        try:
            expected = read(before, target)
        except ParameterError:
            continue
        with contextlib.suppress(ParameterError):
            assert read(job, target) == expected


def test_all_values_are_there_of_an_attribute_that_the_vm_gahp_may_have_added() -> None:
    job = job_ad.read(b'Kind = "nat"\nOther = 1\nKIND = ""\n')
    assert job.strings("kind") == ["nat", ""]
    assert job.strings("none") == []


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_and_each_value_is_of_its_kind_or_refused(data: bytes) -> None:
    job = job_ad.read(data)
    for name in [*re.findall("[A-Za-z_]+", data.decode("latin-1")), "JobVMType"]:
        for read in READERS:
            try:
                value = read(job, name)
            except ParameterError as error:
                assert str(error).isprintable()
            else:
                assert not isinstance(value, str) or not set(value) & set('"\\\n')


@settings(deadline=None)
@given(st.sampled_from(["string", "number", "boolean"]), st.text(max_size=300))
def test_refusal_is_one_short_printable_line(kind: str, text: str) -> None:
    try:
        getattr(job_ad.read(f"A = {text}".encode("utf-8", "surrogatepass")), kind)("A")
    except ParameterError as error:
        assert str(error).isprintable()
        assert len(str(error)) < 1200


def test_ad_that_is_far_too_large_is_refused_before_it_is_looked_at() -> None:
    assert not job_ad.read(b"x" * job_ad.LARGEST).has("x")
    with pytest.raises(ParameterError, match="has more than 4194304 bytes; submit it with less in it"):
        job_ad.read(b"x" * (job_ad.LARGEST + 1))
