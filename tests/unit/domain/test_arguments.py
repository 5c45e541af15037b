"""Arguments and environment are what HTCondor would give to a program; tests/e2e compares with HTCondor itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.domain import arguments
from condor_kvm_stage.failures import ParameterError
from support.domain.job_ads import string

WORDS = st.lists(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12))


def joined(words: list[str]) -> str:
    """The second syntax: each word in single quotes."""
    return " ".join("'" + word.replace("'", "''") + "'" for word in words)


def ad(**attributes: str) -> bytes:
    return "".join(f"{name} = {string(text)}\n" for name, text in attributes.items()).encode()


@given(WORDS)
def test_any_words_come_back(words: list[str]) -> None:
    assert arguments.split(joined(words), "arguments") == words


# What condor_submit 25 writes for the lines of a submit file
@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        # arguments = "--seed 0 'a b' 'it''s' ""q"" \x"
        ({"Arguments": "--seed 0 a' 'b it''''s \"q\" \\x"}, ["--seed", "0", "a b", "it's", '"q"', "\\x"]),
        # arguments = --seed 0 \" a\"b 'c d'
        ({"Args": "--seed 0 \" a\"b 'c d'"}, ["--seed", "0", '"', 'a"b', "'c", "d'"]),
        ({"Arguments": "a ''  ''''\t'b'c'd'\n"}, ["a", "", "'", "bcd"]),
        ({"Arguments": "new", "Args": "old"}, ["new"]),
        ({"Arguments": "", "Args": "old"}, []),
        ({"Args": ""}, []),
        ({}, []),
    ],
)
def test_arguments_are_those_of_the_submit_file(attributes: dict[str, str], words: list[str]) -> None:
    assert arguments.arguments(ad(**attributes)) == words


@pytest.mark.parametrize(
    ("attributes", "entries"),
    [
        # environment = "MODE=fast X='a b' Y=a\b Q=""z"""
        ({"Environment": "MODE=fast Q=\"z\" X=a' 'b Y=a\\b"}, ["MODE=fast", 'Q="z"', "X=a b", "Y=a\\b"]),
        # environment = MODE=fast;X=a b; Z='3'
        ({"Environment": "MODE=fast X=a' 'b Z=''''3''''"}, ["MODE=fast", "X=a b", "Z='3'"]),
        ({"Env": "MODE=fast;X=a b; Z='3';;"}, ["MODE=fast", "X=a b", "Z='3'"]),
        ({"Env": "A=1|B=2;3", "EnvDelim": "|"}, ["A=1", "B=2;3"]),
        ({"Environment": "A= B=="}, ["A=", "B=="]),
        ({"Environment": ""}, []),
        ({}, []),
    ],
)
def test_environment_is_that_of_the_submit_file(attributes: dict[str, str], entries: list[str]) -> None:
    assert arguments.environment(ad(**attributes)) == entries


@pytest.mark.parametrize("text", ["'", "a 'b", "'a''", "''' "])
def test_quote_without_a_second_one_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="arguments has a single quote without a second one"):
        arguments.arguments(ad(Arguments=text))


@pytest.mark.parametrize("text", ["A", "=1", "A=1 B"])
def test_environment_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="write NAME=value"):
        arguments.environment(ad(Environment=text))
