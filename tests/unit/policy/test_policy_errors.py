"""A policy that cannot be understood stops everything: what is refused, with which message, at which line."""

from __future__ import annotations

import os
import re
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
    ("text", "reason"),
    [
        ("[staging]\nimage_dirs = [\n", "at end of document"),
        ("\n\n[staging\n", r"line 3"),
        ("[staging]\n\n[staging]\n", r"line 3"),
        ("[staging]\n[vm]\n# again\n[staging]\n", r"line 4"),
        (
            "[stagging]\n",
            r"line 1: unknown table 'stagging'; did you mean 'staging'\? The tables are \[staging\], \[vm\],",
        ),
        (
            "[qqq]\n",
            r"line 1: unknown table 'qqq'; the tables are \[staging\], \[vm\], .*, \[htcondor\], \[health\]; t",
        ),
        ("image_dirs = []\n", r"line 1: unknown key 'image_dirs'; it belongs under \[staging\]; the admin"),
        ("qqq = 1\n", r"line 1: unknown key 'qqq'; the tables are"),
        ("staging = 1\n", r"line 1: staging must be a table, \[staging\]"),
        (
            "[staging]\n# image_dirs\nimage_dir = []\n",
            r"line 3: unknown key 'image_dir' in \[staging\]; did you mean 'image_dirs'\? The keys are image",
        ),
        ("[network]\nqqq = 1\n", r"line 2: unknown key 'qqq' in \[network\]; the keys are types, bridge; the admin"),
        ("[vm]\nimage_dirs = []\n", r"line 2: unknown key 'image_dirs' in \[vm\]; it belongs under \[staging\]; the"),
        ('[staging]\n\nimage_dirs = "/srv"\n', "line 3: image_dirs must be a list of absolute paths"),
        ('[staging]\nimage_dirs = ["srv"]\n', "line 2: image_dirs must be a list of absolute paths"),
        ('[staging]\nimage_dirs = [""]\n', "line 2: image_dirs must be a list of absolute paths"),
        ('[staging]\noutput_dirs = ["/a\\u0000"]\n', "line 2: output_dirs must be a list of absolute paths"),
        ("[staging]\nchain_depth = 0\n", "line 2: chain_depth must be a whole number from 1 to 64"),
        ("[staging]\nchain_depth = true\n", "line 2: chain_depth must be a whole number"),
        ("[staging]\ntimeout = 1.5\n", "line 2: timeout must be a whole number from 1 to 3600"),
        ("[staging]\nvirtual_size = 40\n", "line 2: virtual_size must be a size"),
        ('[staging]\nvirtual_size = "big"\n', "line 2: virtual_size 'big' is not a size"),
        ('[staging]\ncanary_image = "x.qcow2"\n', "line 2: canary_image must be the absolute path of an image"),
        ('[staging]\ncanary_image = "/x y.qcow2"\n', "line 2: canary_image must be the absolute path of an image"),
        ('[staging]\ncanary_image = "/x:y"\n', "line 2: canary_image must be the absolute path of an image"),
        ('[staging]\ncanary_image = "/$(HOME)"\n', "line 2: canary_image must be .* of letters, digits and /"),
        ("[staging]\ncanary_image = []\n", "line 2: canary_image must be the absolute path of an image"),
        ("[vm]\nmemory = 64\n", 'line 2: memory must be a size, as "64G", or "auto"'),
        ('[vm]\nmemory = "1023K"\n', 'line 2: memory must be "1M" or more, or "auto"'),
        ('[vm]\nmemory = "much"\n', "line 2: memory 'much' is not a size"),
        ("[vm]\nmemory_percent = 0\n", "line 2: memory_percent must be a whole number from 1 to 100;"),
        ("[vm]\nmemory_percent = 101\n", "line 2: memory_percent must be a whole number from 1 to 100;"),
        ("[vm]\nreserve = 0\n", 'line 2: reserve must be a size, as "512M", or "0"'),
        ('[vm]\nreserve = "auto"\n', "line 2: reserve 'auto' is not a size"),
        ("[vm]\nreserve_percent = 91\n", "line 2: reserve_percent must be a whole number from 0 to 90;"),
        ("[vm]\noverhead = false\n", 'line 2: overhead must be a size, as "512M", or "0"'),
        ("[vm]\nmax_number = 0\n", 'line 2: max_number must be a whole number from 1 to 10000, or "auto"'),
        ('[vm]\nmax_number = "all"\n', 'line 2: max_number must be a whole number from 1 to 10000, or "auto"'),
        ("[guest]\nguarded = 1\n", "line 2: guarded must be true or false;"),
        ('[guest]\nvnc = "yes"\n', "line 2: vnc must be true or false;"),
        ("[guest]\nconsole = 16\n", 'line 2: console must be a size, as "16M";'),
        ('[guest]\nconsole = "0"\n', "line 2: console '0' is not a possible size"),
        ('[guest]\nconsole = "1K"\n', 'line 2: console must be "64K" or more'),
        ('[network]\ntypes = "nat"\n', r'line 2: types must be a list of some of "nat", "user", "bridge", or \[\]'),
        ('[network]\ntypes = ["nat", "vlan"]\n', 'line 2: types must be a list of some of "nat", "user", "bridge"'),
        ('[network]\ntypes = [["nat"]]\n', 'line 2: types must be a list of some of "nat", "user", "bridge"'),
        ('[network]\nbridge = "br0 "\n', 'line 2: bridge must be the name of a network interface, as "br0"'),
        ('[network]\nbridge = "a/b"\n', 'line 2: bridge must be the name of a network interface, as "br0"'),
        ('[network]\nbridge = "b123456789012345"\n', "line 2: bridge must be the name of a network interface"),
        ("[network]\nbridge = 0\n", "line 2: bridge must be the name of a network interface"),
        ('[htcondor]\nrestart = "now"\n', 'line 2: restart must be one of "idle", "peaceful", "never";'),
        ("[htcondor]\nrestart = []\n", 'line 2: restart must be one of "idle", "peaceful", "never";'),
        ("[htcondor]\nwait = 601\n", "line 2: wait must be a whole number from 1 to 600"),
        ("[htcondor]\npatience = 0\n", "line 2: patience must be a whole number from 1 to 600"),
        (
            "[health]\nheal = true\n",
            'line 2: heal must be a list of some of "libvirt", "facts", "leftovers", "logs"',
        ),
        ('[health]\nheal = ["restart"]\n', 'line 2: heal must be a list of some of "libvirt", "facts", "leftovers"'),
        ("[htcondor]\nwait = 0\n", "line 2: wait must be a whole number from 1 to 600"),
    ],
)
def test_broken_policy_is_an_error_that_names_file_and_line(site_policy: Write, text: str, reason: str) -> None:
    site_policy(text)
    with pytest.raises(PolicyError, match=reason) as caught:
        load()
    message = str(caught.value)
    assert message.startswith(f"the site's policy {installed.POLICY} is broken: ")
    assert message.endswith("must fix it")


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
    Path(installed.POLICY).write_bytes(b"# one\n[staging]\n\xff\xfe = 1\n")
    with pytest.raises(PolicyError, match="is broken: line 3: bytes that are not UTF-8; "):
        load()


@pytest.mark.parametrize("bracket", ["[", "{a="])
def test_deep_nesting_does_not_exhaust_the_stack(site_policy: Write, bracket: str) -> None:
    site_policy(f"[staging]\nimage_dirs = {bracket * 5000}\n")
    with pytest.raises(PolicyError, match="is broken: "):
        load()


@pytest.mark.parametrize(
    "directory",
    [
        *("/a b", '/a\\"', "/$(X)", "/(a|b)", "/[a]", "/a*", "/\u00e4", "/a\\n", "/{1}", "/a^", "/a?", "/a:b", "/a,b"),
        *("/srv/../etc", "/..", "/srv/..", "/../", "/", "//", "srv", ""),
    ],
)
def test_directory_for_disks_that_could_mean_more_than_it_says_is_refused(site_policy: Write, directory: str) -> None:
    """It goes into an expression of HTCondor's, and there into a pattern."""
    site_policy(f'[vm]\ndisk_dirs = ["/srv/disks", "{directory}"]\n')
    with pytest.raises(PolicyError, match=r"line 2: disk_dirs must be (a list of absolute paths|paths below /)"):
        load()


@given(st.text(max_size=20) | st.text('/.a+$"\\ ()', max_size=8))
def test_directory_for_disks_that_is_accepted_has_plain_characters_only(name: str) -> None:
    try:
        (directory,) = KEYS["vm"]["disk_dirs"](["/" + name])
    except ValueError:
        return
    assert re.fullmatch(r"/[A-Za-z0-9/._+-]*[A-Za-z0-9._+-]", directory)
    assert ".." not in directory.split("/")


@pytest.mark.parametrize("directory", ["/srv/a,b", "/srv/a,"])
def test_directory_with_a_comma_which_separates_them_in_the_slot_ad_is_refused(
    site_policy: Write, directory: str
) -> None:
    site_policy(f'[staging]\nimage_dirs = ["{directory}"]\n')
    with pytest.raises(PolicyError, match="line 2: image_dirs must be a list of absolute paths without commas"):
        load()


def test_policy_that_cannot_be_read_is_an_error_not_the_default(tmp_path: Path) -> None:
    os.mkdir(installed.POLICY)
    with pytest.raises(
        PolicyError, match=r"cannot read the site's policy .*: Is a directory; the administrator of .* 644"
    ):
        load()


@given(st.text() | st.text('[]staging="\n_d#1'))
def test_any_text_is_a_policy_or_an_error(text: str) -> None:
    try:
        toml_reader.parse(text.encode("utf-8", "surrogatepass"), installed.POLICY)
    except PolicyError as error:
        assert str(error).isprintable()
