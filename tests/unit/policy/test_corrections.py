"""Common mistakes in the policy: the message shows the line and the correct one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage import installed
from condor_kvm_stage.policy import toml_reader
from condor_kvm_stage.policy.keys import KEYS
from condor_kvm_stage.policy.load import load
from condor_kvm_stage.policy.model import PolicyError

Write = Callable[[str], None]


@pytest.mark.parametrize(
    ("text", "number", "wrong", "correct"),
    [
        ("[vm]\nmemory = 64G\n", 2, "memory = 64G", 'memory = "64G"'),
        ("[vm]\nmemory = 64G # half\n", 2, "memory = 64G # half", 'memory = "64G"'),
        ("[vm]\nmemory: 64G\n", 2, "memory: 64G", 'memory = "64G"'),
        ("[vm]\r\nmemory = 64G\r\n", 2, "memory = 64G", 'memory = "64G"'),
        ("[vm]\n  max_number = auto", 2, "max_number = auto", 'max_number = "auto"'),
        ("[vm]\nreserve = “2G”\n", 2, "reserve = “2G”", 'reserve = "2G"'),
        ('[vm]\nreserve = "2G\n', 2, 'reserve = "2G', 'reserve = "2G"'),
        ("[guest]\nvnc = yes\n", 2, "vnc = yes", "vnc = true"),
        ("[guest]\nvnc = True\n", 2, "vnc = True", "vnc = true"),
        ("[guest]\nguarded = 0\n", 2, None, None),
        ('[guest]\nguarded = "no"\n', 2, 'guarded = "no"', "guarded = false"),
        ("\n[htcondor]\n\nrestart = Peaceful\n", 4, "restart = Peaceful", 'restart = "peaceful"'),
        ('[htcondor]\nrestart = "Idle"\n', 2, 'restart = "Idle"', 'restart = "idle"'),
        ('[network]\ntypes = ["NAT"]\n', 2, 'types = ["NAT"]', 'types = ["nat"]'),
        ('[network]\ntypes = "nat"\n', 2, 'types = "nat"', 'types = ["nat"]'),
        ("[network]\ntypes = NAT, user\n", 2, "types = NAT, user", 'types = ["nat", "user"]'),
        ("network.types = nat\n", 1, "network.types = nat", 'network.types = ["nat"]'),
        ("[staging]\nimage_dirs = [/srv/images]\n", 2, "image_dirs = [/srv/images]", 'image_dirs = ["/srv/images"]'),
        ("[staging]\nimage_dirs = /srv/images\n", 2, "image_dirs = /srv/images", 'image_dirs = ["/srv/images"]'),
        ("[staging]\nimage_dirs = [\n  /srv/a,\n]\n", 3, "/srv/a,", '"/srv/a",'),
        ('[staging]\nchain_depth = "8"\n', 2, 'chain_depth = "8"', "chain_depth = 8"),
        ("[staging\nchain_depth = 8\n", 1, "[staging", "[staging]"),
        ("staging:\n  chain_depth: 8\n", 1, "staging:", "[staging]"),
        # What cannot be known is not guessed
        ('[network]\ntypes = ["vlan"]\n', 2, None, None),
        ("[staging]\nvirtual_size = 40\n", 2, None, None),
        ("[staging]\nimage_dirs = [\n 'srv' ]\n", 2, None, None),
        ('[staging]\nimage_dirs = ["srv\\u0041"]\n', 2, None, None),
        ("staging = { timeout = 'x' }\n", 1, None, None),
    ],
)
def test_line_and_the_correct_one_are_in_the_message(
    site_policy: Write, text: str, number: int, wrong: str | None, correct: str | None
) -> None:
    site_policy(text)
    with pytest.raises(PolicyError) as caught:
        load()
    assert f"is broken: line {number}" in caught.value.fault
    if correct is None:
        assert "instead of" not in caught.value.fault
    else:
        assert caught.value.fault.endswith(f"instead of {wrong} write {correct}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[guest]\nvnc = perhaps\n", "line 2: vnc must be true or false; the line is: vnc = perhaps"),
        ("[htcondor]\nwait = 60s\n", "line 2: wait must be a whole number from 1 to 600; the line is: wait = 60s"),
        ("[vm]\nmemory = 64GB\n", "line 2: memory '64GB' is not a size; "),
        ("[vm]\nmemory =\n", "line 2: memory '' is not a size; "),
        ("??\n", "line 1 is not TOML (Invalid statement): ??"),
    ],
)
def test_line_without_an_obvious_correction_is_shown_with_what_it_must_be(
    site_policy: Write, text: str, words: str
) -> None:
    site_policy(text)
    with pytest.raises(PolicyError) as caught:
        load()
    assert words in caught.value.fault


@pytest.mark.parametrize("rest", [b"# nothing is set\n", b'[staging]\nimage_dirs = ["/srv"]\n'])
def test_byte_order_mark_is_named_with_the_command_that_removes_it(rest: bytes) -> None:
    path = Path(installed.POLICY)
    path.write_bytes(b"\xef\xbb\xbf" + rest)
    with pytest.raises(PolicyError, match=r"line 1: it begins with a byte order mark, .*: sed -i ") as caught:
        load()
    command = caught.value.fault.partition("remove it: ")[2]
    subprocess.run(["/bin/sh", "-c", command], check=True, timeout=10)
    assert path.read_bytes() == rest
    load()


@pytest.mark.parametrize("key", ["staging.image_dirs", "staging.output_dirs", "vm.disk_dirs"])
def test_slash_at_the_end_of_a_directory_makes_no_difference(site_policy: Write, key: str) -> None:
    """Jobs compare the slot ad's list with the directory's name: stringListMember("/srv/images", …)."""
    table, name = key.split(".")
    site_policy(f'{key} = ["/srv/images/", "/srv/more//"]\n')
    assert getattr(getattr(load(), table), name) == ["/srv/images", "/srv/more"]


@given(
    st.sampled_from([(table, key) for table, keys in KEYS.items() for key in keys]),
    st.text('["/srv, 64GMnatuseribdgey]“”=#', max_size=20) | st.sampled_from(["yes", "NAT", "peaceful", "[/a /b]"]),
)
def test_what_a_message_tells_to_write_is_accepted(key: tuple[str, str], value: str) -> None:
    header = f"[{key[0]}]\n"
    try:
        toml_reader.parse(f"{header}{key[1]} = {value}\n".encode(), installed.POLICY)
    except PolicyError as error:
        _, instead, correct = error.fault.rpartition(" write ")
        if instead and "instead of" in error.fault:
            toml_reader.parse(f"{header}{correct}\n".encode(), installed.POLICY)
