"""The policy is the same in four places: the checks, the classes with the defaults, the page, the shipped file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from condor_kvm_stage import sizes
from condor_kvm_stage.failures import NodeError
from condor_kvm_stage.genconfig.snippet import network, values
from condor_kvm_stage.installed import POLICY
from condor_kvm_stage.policy.keys import KEYS
from condor_kvm_stage.policy.model import AUTO, HealthPolicy, HtcondorPolicy, NetworkPolicy, Policy
from condor_kvm_stage.policy.toml_reader import parse
from condor_kvm_stage.share import watchdog
from support.manual_pages import Page, literals, terms

PAGE = Page("condor-kvm-stage-config.toml.5")
SHIPPED = (Path(__file__).parents[3] / "packaging/config.toml").read_text(encoding="utf-8")
KEY_IDS = [(table, key) for table, keys in KEYS.items() for key in keys]
MIB = 1 << 20


class Entry(NamedTuple):
    """What one place says of a key. unit: with the range of values, or the comment that holds it."""

    default: str
    unit: str


Places = dict[str, dict[str, Entry]]


def on_the_page() -> Places:
    """The entries of the page, by table and key: ``key`` (unit; default: ``value``)."""
    found: Places = {}
    for title in PAGE.sections():
        entries = re.findall(r"^``(\w+)`` \((.+); default: ``(.+)``\)$", PAGE.section(title), re.MULTILINE)
        if entries:
            found[title.lower()] = {key: Entry(default, unit) for key, unit, default in entries}
    return found


def in_the_shipped_file() -> Places:
    """The commented settings, each with the comment above."""
    found: Places = {}
    comment: list[str] = []
    for line in SHIPPED.splitlines():
        header = re.fullmatch(r"\[(\w+)\]", line)
        setting = re.fullmatch(r"#(\w+) = (.+)", line)
        if header:
            entries = found.setdefault(header[1], {})
        elif setting:
            entries[setting[1]] = Entry(setting[2], " ".join(comment))
        comment = [*comment, line[2:]] if line.startswith("# ") else []
    return found


def as_toml(places: Places) -> bytes:
    """A policy file that sets every key to the default that a place names."""
    lines = []
    for table, entries in places.items():
        lines += [f"[{table}]", *(f"{key} = {entry.default}" for key, entry in entries.items())]
    return "\n".join(lines).encode()


def settings(policy: Policy) -> dict[str, dict[str, object]]:
    return {table: {key: getattr(getattr(policy, table), key) for key in keys} for table, keys in KEYS.items()}


def test_every_place_has_the_same_tables_and_keys_in_the_same_order() -> None:
    order = [(table, list(keys)) for table, keys in KEYS.items()]
    assert [(table, list(entries)) for table, entries in on_the_page().items()] == order
    assert [(table, list(entries)) for table, entries in in_the_shipped_file().items()] == order
    default = Policy()
    slots = {table: set(getattr(default, table).__slots__) - {"guests_have_own_user"} for table in KEYS}
    assert slots == {table: set(keys) for table, keys in KEYS.items()}
    assert set(Policy.__slots__) - {"given", "text"} == set(Policy.TABLES) == set(KEYS)


@pytest.mark.parametrize("place", [on_the_page, in_the_shipped_file])
def test_every_place_has_the_defaults_that_hold_without_a_file(place: Callable[[], Places]) -> None:
    policy = parse(as_toml(place()), POLICY)
    assert settings(policy) == settings(Policy())
    assert policy.given == [f"{table}.{key}" for table, key in KEY_IDS]


@pytest.mark.parametrize(("table", "key"), KEY_IDS)
def test_comment_in_the_shipped_file_has_the_unit_that_the_page_has(table: str, key: str) -> None:
    unit = on_the_page()[table][key].unit.split(",")[0]
    comment = in_the_shipped_file()[table][key].unit
    assert re.search(rf"\b{unit}\b", comment, re.IGNORECASE), f"{unit}: {comment}"


@pytest.mark.parametrize(("table", "key"), KEY_IDS)
def test_values_that_the_page_allows_are_the_ones_that_are_accepted(table: str, key: str) -> None:
    unit, check = on_the_page()[table][key].unit, KEYS[table][key]

    def accepted(value: object) -> object:
        try:
            return check(value)
        except ValueError:
            return None

    limits = re.search(r"\b(\d+) to (\d+)\b", unit)
    numbers = [number for number in (-1, 0, 1, 64, 90, 100, 600, 3600, 10000) if accepted(number) is not None]
    assert bool(numbers) == bool(limits)
    if limits:
        lowest, highest = int(limits[1]), int(limits[2])
        assert [accepted(number) for number in (lowest, highest)] == [lowest, highest]
        assert [accepted(number) for number in (lowest - 1, highest + 1)] == [None, None]
    assert (accepted("auto") == AUTO) == ('``"auto"``' in unit)
    assert (accepted("0") == 0) == ('``"0"``' in unit)
    assert (accepted("3M") == 3 * MIB) == unit.startswith("size")
    least = re.search(r'``"(\d+[KM])"`` or more', unit)
    assert bool(least) == ("or more" in unit)
    if least:
        size = sizes.parse(least[1])
        assert [accepted(str(size)), accepted(str(size - 1))] == [size, None]


def test_words_of_the_policy_are_explained() -> None:
    assert terms(PAGE.section("NETWORK"), indent=4) == list(NetworkPolicy.TYPES)
    assert terms(PAGE.section("HTCONDOR"), indent=4) == list(HtcondorPolicy.RESTARTS)
    assert terms(PAGE.section("HEALTH"), indent=4) == list(HealthPolicy.HEALS)
    for word in (*NetworkPolicy.TYPES, *HtcondorPolicy.RESTARTS, *HealthPolicy.HEALS):
        assert f'"{word}"' in SHIPPED


@pytest.mark.parametrize("page", [PAGE.section("NETWORK"), Page("condor-kvm-stage-genconfig.8").section("NETWORKS")])
def test_versions_that_the_network_user_needs_are_named(page: str) -> None:
    for program, version in (("libvirt", network._LIBVIRT_WITH_USER), ("HTCondor", network._HTCONDOR_WITH_USER)):
        major, minor, patch = version
        assert patch == 0
        assert re.search(rf"{program} (is )?{major}\.{minor}\b", page)


def test_numbers_that_stand_in_the_code_are_those_of_the_page() -> None:
    assert f"wait for {watchdog.TIMEOUT_AFTER_SILENCE} seconds at most" in " ".join(PAGE.section("STAGING").split())
    assert f"exit status {NodeError.status} of the plug-in" in PAGE.section("DESCRIPTION")


def test_file_is_named_as_it_is_read() -> None:
    assert POLICY in PAGE.section("SYNOPSIS")
    assert POLICY in PAGE.section("FILES")
    assert f"chmod 644 {POLICY}" in " ".join(PAGE.section("DESCRIPTION").split())


def test_examples_are_policies_and_the_second_is_just_enough_for_a_tree_that_does_not_run() -> None:
    node, tree = literals(PAGE.section("EXAMPLES"))
    assert parse(node.encode(), POLICY).given
    assert values.missing_for_tree(parse(tree.encode(), POLICY)) == []
    for line in tree.splitlines():
        key = line.partition(" = ")[0]
        if key != line:
            (missing,) = values.missing_for_tree(parse(tree.replace(line, "").encode(), POLICY))
            assert missing.endswith(f".{key}")
