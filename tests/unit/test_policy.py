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


def test_policy_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    Path(policy.PATH).write_bytes(b"\xff\xfe = 1")
    with pytest.raises(PolicyError, match="is broken: 'utf-8' codec"):
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
