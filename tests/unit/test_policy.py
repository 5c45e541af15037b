"""The site's policy: every key counts, and a policy that cannot be understood stops everything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage import policy
from condor_kvm_stage.policy import Policy, PolicyError, load

Write = Callable[[str], None]
SHIPPED = Path(__file__).parents[2] / "packaging/config.toml"


def values(loaded: Policy) -> dict[str, object]:
    return {key: getattr(loaded, key) for key in Policy.__slots__}


def test_without_a_file_the_defaults_hold() -> None:
    assert values(load()) == {
        "image_dirs": [],
        "output_dirs": [],
        "chain_depth": 8,
        "virtual_size": 16 << 40,
        "timeout": 60,
    }


def test_every_key_is_read(site_policy: Write) -> None:
    site_policy(
        '[staging]\nimage_dirs = ["/srv/a", "/srv/b"]\noutput_dirs = ["/out"]\n'
        'chain_depth = 2\nvirtual_size = "40G"\ntimeout = 5\n'
    )
    assert values(load()) == {
        "image_dirs": ["/srv/a", "/srv/b"],
        "output_dirs": ["/out"],
        "chain_depth": 2,
        "virtual_size": 40 << 30,
        "timeout": 5,
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[staging]\nimage_dirs = [\n", "at end of document"),
        ("\n\n[staging\n", r"line 3"),
        ("[stagging]\n", r"line 1: unknown key 'stagging'; the one table is \[staging\]"),
        ("image_dirs = []\n", r"line 1: unknown key 'image_dirs'; the one table is \[staging\]"),
        ("staging = 1\n", r"line 1: staging must be a table, \[staging\]"),
        ("[staging]\n# image_dirs\nimage_dir = []\n", r"line 3: unknown key 'image_dir' in \[staging\]; the keys are"),
        ('[staging]\n\nimage_dirs = "/srv"\n', "line 3: image_dirs must be a list of absolute paths"),
        ('[staging]\nimage_dirs = ["srv"]\n', "line 2: image_dirs must be a list of absolute paths"),
        ('[staging]\nimage_dirs = [""]\n', "line 2: image_dirs must be a list of absolute paths"),
        ('[staging]\noutput_dirs = ["/a\\u0000"]\n', "line 2: output_dirs must be a list of absolute paths"),
        ("[staging]\nchain_depth = 0\n", "line 2: chain_depth must be a whole number from 1 to 64"),
        ("[staging]\nchain_depth = true\n", "line 2: chain_depth must be a whole number"),
        ("[staging]\ntimeout = 1.5\n", "line 2: timeout must be a whole number from 1 to 3600"),
        ("[staging]\nvirtual_size = 40\n", "line 2: virtual_size must be a size"),
        ('[staging]\nvirtual_size = "big"\n', "line 2: virtual_size 'big' is no size"),
    ],
)
def test_broken_policy_is_an_error_that_names_file_and_line(site_policy: Write, text: str, reason: str) -> None:
    site_policy(text)
    with pytest.raises(PolicyError, match=reason) as caught:
        load()
    message = str(caught.value)
    assert message.startswith(f"the site's policy {policy.PATH} is broken: ")
    assert message.endswith("must mend it")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("[staging]\nimage_dirs = []\nimage_dir = []\n", 3, "image_dir"),
        ("[staging]\nimage_dir = []\nimage_dirs = []\n", 2, "image_dir"),
        ("# staging.timeout\nstaging.timeout = 'x'\n", 2, "timeout"),
        ("staging.chain_depth = 2\n\"staging\" . timeout = 'x'\n", 2, "timeout"),
        ("staging = { chain_depth = 2, timeout = 'x' }\n", 1, "timeout"),
        ("[staging]\nchain_depth = 2\n'timeout' = 'x'\n", 3, "timeout"),
        ('[staging]\n\n"timeout"="x"\n', 3, "timeout"),
        ('["staging"]\n  timeout = "x"\n', 2, "timeout"),
        ('[staging]\n"t\\u0069meout" = "x"\n', 2, "timeout"),
        ("[staging]\ntimeout.seconds = 5\n", 2, "timeout"),
        ("[staging]\nchain_depth = 2\n[staging.timeout]\nseconds = 5\n", 3, "timeout"),
        ('[staging]\nvirtual_size = """\ntimeout = 5\n"""\ntimeout = 5\n', 2, "virtual_size"),
        ("[staging]\nimage_dirs = ['''/srv\ntimeout = 5''']\ntimeout = 'x'\n", 4, "timeout"),
        ("[staging]\nimage_dirs = [\n  '/srv', # timeout = 5\n  # timeout = 5\n]\ntimeout = 'x'\n", 6, "timeout"),
        ("[staging]\ntimeout = [\n  1,\n]\n", 2, "timeout"),
        ("[staging]\ns = 1\n", 2, "s"),
        ("[staging]\n[stag]\n", 2, "stag"),
        ("# x.y\nx.y = 1\n", 2, "x"),
        ("\n[[staging]]\n", 2, "staging"),
        ("\n[stagging.x]\n", 2, "stagging"),
    ],
)
def test_line_in_the_message_is_that_where_the_key_stands(site_policy: Write, text: str, line: int, key: str) -> None:
    site_policy(text)
    with pytest.raises(PolicyError, match=rf"is broken: line {line}: .*\b{key}\b"):
        load()


def test_policy_that_is_no_text_is_an_error_with_its_line() -> None:
    Path(policy.PATH).write_bytes(b"# one\n[staging]\n\xff\xfe = 1\n")
    with pytest.raises(PolicyError, match="is broken: line 3: bytes that are no UTF-8; "):
        load()


@pytest.mark.parametrize("bracket", ["[", "{a="])
def test_deep_nesting_does_not_exhaust_the_stack(site_policy: Write, bracket: str) -> None:
    site_policy(f"[staging]\nimage_dirs = {bracket * 5000}\n")
    with pytest.raises(PolicyError, match="is broken: "):
        load()


@pytest.mark.parametrize("directory", ["/srv/a,b", "/srv/a,"])
def test_directory_with_a_comma_which_separates_them_in_the_slot_ad_is_refused(
    site_policy: Write, directory: str
) -> None:
    site_policy(f'[staging]\nimage_dirs = ["{directory}"]\n')
    with pytest.raises(PolicyError, match="line 2: image_dirs must be a list of absolute paths without commas"):
        load()


def test_policy_that_cannot_be_read_is_an_error_not_the_default(tmp_path: Path) -> None:
    os.mkdir(policy.PATH)
    with pytest.raises(
        PolicyError, match=r"cannot read the site's policy .*: Is a directory; the administrator of .* 644"
    ):
        load()


def test_shipped_file_sets_nothing_and_shows_every_key_with_its_default(site_policy: Write) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    site_policy(text)
    assert values(load()) == values(Policy())
    # switched on, the commented settings are the defaults
    site_policy("\n".join(line[1:] if line[:1] == "#" and line[1:2].strip() else line for line in text.split("\n")))
    assert values(load()) == values(Policy())
    for key in Policy.__slots__:
        assert f"\n#{key} = " in text


def test_file_without_settings_does_not_cost_the_import_of_a_toml_reader(tmp_path: Path) -> None:
    code = (
        "import sys; from condor_kvm_stage import policy; policy.PATH = sys.argv[1]; policy.load(); print(*sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(policy.__file__).parents[1])}
    command = [sys.executable, "-c", code, str(SHIPPED)]
    modules = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=30).stdout
    assert "condor_kvm_stage.policy" in modules
    assert not {"tomllib", "tomli"} & set(modules.split())


@given(st.text() | st.text('[]staging="\n_d#1'))
def test_any_text_is_a_policy_or_an_error(text: str) -> None:
    try:
        policy._parsed(text.encode("utf-8", "surrogatepass"))
    except PolicyError as error:
        assert str(error).isprintable()
