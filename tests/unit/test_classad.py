"""Our small ClassAd reader and writer against HTCondor's own library: they must agree, both ways."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import classad2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from condor_kvm_stage.classad_reader import ClassAdSyntaxError, read_ads
from condor_kvm_stage.classad_writer import write_ad, write_long

pytestmark = pytest.mark.needs_classad2

if TYPE_CHECKING:
    from condor_kvm_stage.classad_writer import Value

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True).filter(
    # reserved words, in any case, are no attribute names in ClassAds
    lambda name: name.lower() not in {"true", "false", "undefined", "error", "is", "isnt", "parent"}
)
# Text that a ClassAd can hold: no NUL, and what UTF-8 can encode
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
EXPRESSIONS = [
    "1 + 2 * x",
    'strcat("a;b", "]", foo)',
    '{ "a", [ b = "}" ], 3.5e3 }',
    '[ Url = "nested"; deep = [ x = { } ] ]',
    'a =?= undefined ? "x" : "y"',
    "other.'quoted ] name' && !b",
    '"text" == y',
    "-7",
    'relTime("1:00") // a comment with ] and "\n',
    "/* ; ] */ 5",
    '("parenthesised")',
]
expressions = st.sampled_from(EXPRESSIONS)


scalars = texts | st.integers(-(2**63), 2**63 - 1) | st.booleans()
nested = st.recursive(
    st.dictionaries(names, scalars, max_size=4),
    lambda inner: st.dictionaries(names, scalars | inner | st.lists(inner, max_size=3), max_size=4),
    max_leaves=6,
)


def values(ad: Any) -> dict[str, Any]:
    """The attributes of an ad of the reference library, evaluated, by lower-case name; of nested ads and lists too."""
    return {name.lower(): _value(ad[name]) for name in ad}


def _value(value: Any) -> Any:
    if isinstance(value, classad2.ClassAd):
        return values(value)
    return [_value(item) for item in value] if isinstance(value, list) else value


def lower(value: Any) -> Any:
    """What we write, with lower-case names as in values(); the last of two attributes of one name counts."""
    if isinstance(value, dict):
        return {name.lower(): lower(inner) for name, inner in value.items()}
    return [lower(item) for item in value] if isinstance(value, list) else value


def as_we_read(ad: Any) -> dict[str, str | None]:
    """The attributes of an ad of the reference library as our reader has them: text, or None for another expression."""
    return {name.lower(): ad[name] if _is_text(ad, name) else None for name in ad}


def _is_text(ad: Any, name: str) -> bool:
    return isinstance(ad[name], str) and str(ad.lookup(name)) == classad2.quote(ad[name])


@given(st.lists(nested, max_size=4))
def test_reader_agrees_with_htcondor_on_ads_that_htcondor_wrote(ads: list[dict[str, Any]]) -> None:
    reference = [classad2.ClassAd(ad) for ad in ads]
    text = "\n".join(str(ad) for ad in reference)
    assert read_ads(text.encode()) == [as_we_read(ad) for ad in reference]


@given(st.dictionaries(names, expressions, max_size=6), texts)
def test_strings_are_read_whatever_expressions_stand_beside_them(others: dict[str, str], url: str) -> None:
    others = {name: value for name, value in others.items() if name.lower() not in {"url", "localfilename"}}
    inside = "; ".join(f"{name} = {value}" for name, value in others.items())
    text = f'[ {inside}; {write_ad({"Url": url}).decode()[2:-3]} LocalFileName = "a"\n"b" ]'
    (ad,) = read_ads(text.encode())
    assert ad["url"] == url
    assert ad["localfilename"] == "ab"
    assert ad == as_we_read(classad2.parseOne(text, parser=classad2.ParserType.New)) | {"url": url}


@given(nested)
def test_htcondor_reads_what_we_write(ad: dict[str, Value]) -> None:
    read = classad2.parseOne(write_ad(ad).decode(), parser=classad2.ParserType.New)
    assert values(read) == lower(ad)


@given(nested)
def test_we_read_what_we_write(ad: dict[str, Value]) -> None:
    assert read_ads(write_ad(ad)) == [{k: v if isinstance(v, str) else None for k, v in lower(ad).items()}]


@given(st.dictionaries(names, st.integers(0, 2**63 - 1) | st.text("abc \"'\\/;]") | st.booleans()))
def test_htcondor_reads_the_long_format_that_we_write(ad: dict[str, bool | int | str]) -> None:
    read = classad2.parseOne(write_long(ad).decode(), parser=classad2.ParserType.Old)
    assert values(read) == lower(ad)


@given(st.binary() | st.text("[]{}()\"'\\;=/* abc01\n").map(str.encode))
def test_any_bytes_are_either_ads_or_a_syntax_error(data: bytes) -> None:
    try:
        ads = read_ads(data)
    except ClassAdSyntaxError as error:
        assert "expected at byte" in str(error)
    else:
        assert all(value is None or isinstance(value, str) for ad in ads for value in ad.values())


def test_deeply_nested_expressions_do_not_exhaust_the_stack() -> None:
    depth = 100_000
    text = "[ x = " + "{" * depth + "}" * depth + '; Url = "u" ]'
    assert read_ads(text.encode()) == [{"x": None, "url": "u"}]


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "]",
        "[ a ]",
        "[ a = ]",
        "[ a = 1",
        '[ a = "x',
        "[ a = {1] ]",
        "[ a = 1) ]",
        "x",
        "[ a = 1 /* ",
        r'[ a = "\0" ]',
        '[ a = "\0" ]',
    ],
)
def test_broken_ads_are_refused(text: str) -> None:
    with pytest.raises(ClassAdSyntaxError):
        read_ads(text.encode())


def test_bytes_that_are_no_utf8_come_out_as_they_went_in() -> None:
    (ad,) = read_ads(b'[ Url = "nfs:///\xff\\377" ]')
    assert write_ad({"TransferUrl": ad["url"] or ""}) == b'[ TransferUrl = "nfs:///\xff\xff"; ]\n'


def reference_string(text: str) -> str | None:
    """The string that the reference reads between quotes; None if it does not accept the ad, or reads no string."""
    try:
        value = classad2.parseOne(f'[ a = "{text}" ]', parser=classad2.ParserType.New).get("a")
    except UnicodeDecodeError as error:  # it has the bytes, but its Python binding cannot tell them
        return os.fsdecode(error.object)
    except ValueError:
        return None
    return value if isinstance(value, str) else None


@given(st.text('\\01234789xn"a]', max_size=12) | st.text("\\0123478n", max_size=8))
@example(r'\1""0')
@example(r'x\1"  "01')
@example(r'\0"+"a')
def test_escapes_mean_what_they_mean_to_htcondor(text: str) -> None:
    expected = reference_string(text)
    try:
        ads = read_ads(f'[ a = "{text}" ]'.encode())
    except ClassAdSyntaxError:
        # HTCondor takes the first ad whatever is behind it; a list of files has to be right to its end
        ends_early = '"' in re.sub(r"\\.", "", text)
        assert expected is None or ends_early
    else:
        assert ads[0].get("a") == expected


@pytest.mark.parametrize("first", "01234567")
def test_every_octal_escape_means_what_it_means_to_htcondor(first: str) -> None:
    more = "01789x"
    for rest in ("", *more, *(a + b for a in more for b in more)):
        text = f"\\{first}{rest}"
        expected = reference_string(text)
        if expected is None:
            with pytest.raises(ClassAdSyntaxError):
                read_ads(f'[ a = "{text}" ]'.encode())
        else:
            assert read_ads(f'[ a = "{text}" ]'.encode()) == [{"a": expected}]


@given(st.text([*map(chr, range(1, 32)), "\x7f", *'\\"0178n']))
def test_htcondor_reads_the_control_characters_that_we_write(text: str) -> None:
    written = write_ad({"a": text})
    assert not any(byte < 32 or byte == 127 for byte in written[:-1])
    assert classad2.parseOne(written.decode(), parser=classad2.ParserType.New)["a"] == text
    assert read_ads(written) == [{"a": text}]
