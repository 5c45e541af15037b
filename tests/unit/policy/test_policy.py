"""The site's policy: every key counts, the rest is default, and a file that says nothing costs next to nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from condor_kvm_stage import installed
from condor_kvm_stage.policy.keys import KEYS
from condor_kvm_stage.policy.load import load
from condor_kvm_stage.policy.model import AUTO, Policy, PolicyError
from support.installed_plugin import MODULES

Write = Callable[[str], None]
SHIPPED = Path(__file__).parents[3] / "packaging/config.toml"


def values(loaded: Policy) -> dict[str, dict[str, object]]:
    """What a policy says, by table and key."""
    return {table: {key: getattr(getattr(loaded, table), key) for key in keys} for table, keys in KEYS.items()}


def test_without_a_file_the_defaults_hold() -> None:
    assert load().given == []
    assert values(load()) == {
        "staging": {
            "image_dirs": [],
            "output_dirs": [],
            "canary_image": "",
            "chain_depth": 8,
            "virtual_size": 16 << 40,
            "bitmaps": 64,
            "snapshots": 64,
            "timeout": 60,
        },
        "vm": {
            "memory": AUTO,
            "memory_percent": 100,
            "reserve": 1 << 30,
            "reserve_percent": 5,
            "overhead": 128 << 20,
            "max_number": AUTO,
            "disk_dirs": [],
            "disk_owners": [],
        },
        "guest": {
            "guarded": True,
            "filtered": True,
            "full_disk": "end",
            "reset_loop": "hold",
            "console": 16 << 20,
            "vnc": False,
        },
        "network": {"types": ["nat"], "bridge": ""},
        "htcondor": {"restart": "idle", "wait": 60, "patience": 20},
        "health": {"heal": ["libvirt", "facts", "leftovers", "logs"]},
    }


def test_every_key_is_read(site_policy: Write) -> None:
    site_policy(
        '[staging]\nimage_dirs = ["/srv/a", "/srv/b"]\noutput_dirs = ["/out"]\ncanary_image = "/srv/a/canary.qcow2"\n'
        'chain_depth = 2\nvirtual_size = "40G"\nbitmaps = 9\nsnapshots = 0\ntimeout = 5\n'
        '[vm]\nmemory = "12G"\nmemory_percent = 50\nreserve = "2G"\nreserve_percent = 10\noverhead = "256M"\n'
        'max_number = 3\ndisk_dirs = ["/srv/disks/"]\ndisk_owners = ["images"]\n'
        '[guest]\nguarded = false\nfiltered = false\nfull_disk = "wait"\nreset_loop = "wait"\n'
        'console = "1M"\nvnc = true\n'
        '[network]\ntypes = ["bridge"]\nbridge = "br0"\n'
        '[htcondor]\nrestart = "peaceful"\nwait = 10\npatience = 30\n'
        '[health]\nheal = ["facts", "libvirt", "facts"]\n'
    )
    expected: dict[str, dict[str, object]] = {
        "staging": {
            "image_dirs": ["/srv/a", "/srv/b"],
            "output_dirs": ["/out"],
            "canary_image": "/srv/a/canary.qcow2",
            "chain_depth": 2,
            "virtual_size": 40 << 30,
            "bitmaps": 9,
            "snapshots": 0,
            "timeout": 5,
        },
        "vm": {
            "memory": 12 << 30,
            "memory_percent": 50,
            "reserve": 2 << 30,
            "reserve_percent": 10,
            "overhead": 256 << 20,
            "max_number": 3,
            "disk_dirs": ["/srv/disks"],
            "disk_owners": ["images"],
        },
        "guest": {
            "guarded": False,
            "filtered": False,
            "full_disk": "wait",
            "reset_loop": "wait",
            "console": 1 << 20,
            "vnc": True,
        },
        "network": {"types": ["bridge"], "bridge": "br0"},
        "htcondor": {"restart": "peaceful", "wait": 10, "patience": 30},
        "health": {"heal": ["facts", "libvirt"]},
    }
    loaded = load()
    assert values(loaded) == expected
    assert loaded.given == [f"{table}.{key}" for table, settings in expected.items() for key in settings]


def test_only_what_a_policy_says_is_given_and_the_rest_is_default(site_policy: Write) -> None:
    site_policy("[vm]\nmax_number = 4\n[staging]\ntimeout = 60\n")
    assert load().given == ["vm.max_number", "staging.timeout"]
    default = values(Policy())
    assert values(load()) == {**default, "vm": {**default["vm"], "max_number": 4}}


def test_policies_do_not_share_their_lists() -> None:
    Policy().staging.image_dirs.append("/x")
    Policy().network.types.append("x")
    assert values(Policy())["staging"]["image_dirs"] == []
    assert values(Policy())["network"]["types"] == ["nat"]


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ('vm.memory = "auto"', AUTO),
        ('vm.memory = "1M"', 1 << 20),
        ('vm.max_number = "auto"', AUTO),
        ('vm.reserve = "0"', 0),
        ('vm.overhead = "0"', 0),
        ("vm.reserve_percent = 0", 0),
        ('vm.disk_dirs = ["/srv/a.b+c_d-1", "/x//"]', ["/srv/a.b+c_d-1", "/x"]),
        ("network.types = []", []),
        ('network.types = ["user", "nat", "user"]', ["user", "nat"]),
        ('network.bridge = "br-0123456.7890"', "br-0123456.7890"),
        ('htcondor.restart = "never"', "never"),
        ('staging.canary_image = ""', ""),
    ],
)
def test_value_with_a_meaning_of_its_own_is_understood(site_policy: Write, setting: str, expected: object) -> None:
    site_policy(setting)
    table, key = setting.partition(" ")[0].split(".")
    assert values(load())[table][key] == expected
    assert load().given == [f"{table}.{key}"]


def test_policy_of_another_tree_is_read_and_named_there(site_policy: Write, tmp_path: Path) -> None:
    site_policy("this node's own is broken")
    tree = tmp_path / "tree"
    path = Path(f"{tree}{installed.POLICY}")
    assert load(str(path)).given == []
    path.parent.mkdir(parents=True)
    path.write_text("[htcondor]\nwait = 7\n")
    assert load(str(path)).htcondor.wait == 7
    path.write_text("\n[qqq]\n")
    with pytest.raises(PolicyError, match=f"^the site's policy {path} is broken: line 2: unknown table"):
        load(str(path))
    path.unlink()
    path.mkdir()
    with pytest.raises(PolicyError, match=f"^cannot read the site's policy {path}: .* chmod 644 {path}$"):
        load(str(path))


def test_shipped_file_sets_nothing(site_policy: Write) -> None:
    site_policy(SHIPPED.read_text(encoding="utf-8"))
    assert load().given == []
    assert values(load()) == values(Policy())


def modules_to_load(path: Path) -> set[str]:
    """What an interpreter has imported once it has loaded the policy at path."""
    code = "import sys; from condor_kvm_stage.policy.load import load; load(sys.argv[1]); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(MODULES)}
    command = [sys.executable, "-B", "-c", code, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, timeout=30)
    return set(done.stdout.split())


def test_shipped_file_does_not_cost_the_import_of_a_toml_reader() -> None:
    modules = modules_to_load(SHIPPED)
    assert "condor_kvm_stage.policy.model" in modules
    assert not {"tomllib", "tomli", "difflib"} & modules


@pytest.mark.parametrize(
    ("text", "imported"),
    [
        ("".join(f"[{table}]\n" for table in KEYS), False),
        ("# comment\n\n  [htcondor]\r\n\t# more\n[vm]", False),
        ("[vm]\nmax_number = 1\n", True),
        ("[vm] # comment\n", True),
    ],
)
def test_toml_reader_is_imported_only_where_there_is_more_than_comments_and_headers(
    site_policy: Write, text: str, imported: bool
) -> None:
    site_policy(text)
    assert bool({"tomllib", "tomli"} & modules_to_load(Path(installed.POLICY))) == imported
