"""The access point's configuration, evaluated as by a schedd: what is refused, and why."""

from __future__ import annotations

import re

import classad2

from condor_kvm_stage.policy.keys import KEYS
from submitrules import snippet

PREFIX = "SUBMIT_REQUIREMENT_"
_SCHEDD = classad2.ClassAd({"MyType": "Scheduler", "Name": "access-point"})


def settings(text: str) -> dict[str, str]:
    """Return the settings of a configuration, with lines continued and macros expanded like HTCondor does."""
    found: dict[str, str] = {}
    for line in text.replace("\\\n", "").splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition(" = ")
            while re.search(r"\$\(\w+\)", value):
                value = re.sub(r"\$\((\w+)\)", lambda macro: found.get(macro[1], ""), value)
            found[name] = value
    return found


_SETTINGS = settings(snippet.render())
NAMES = _SETTINGS[f"{PREFIX}NAMES"].split()
classad2.parseOne("First = true")  # what is parsed later knows HTCondor's own functions, as evalInEachContext()
_REQUIREMENTS = {name: classad2.ExprTree(_SETTINGS[PREFIX + name]) for name in NAMES}
_REASONS = {name: classad2.ExprTree(_SETTINGS[f"{PREFIX}{name}_REASON"]) for name in NAMES}


def refusal(ad: classad2.ClassAd) -> str:
    """Return what condor_submit would say of a job, "" if it would take it."""
    for name in NAMES:
        if _REQUIREMENTS[name].eval(_SCHEDD, ad) is not True:
            reason = _REASONS[name].eval(_SCHEDD, ad)
            assert isinstance(reason, str), f"{name}: {reason!r}"
            return reason
    return ""


def directories_for(disks: str) -> list[str]:
    """Return all directories that a policy could name for a list of disks: vm.disk_dirs."""
    paths = [disk.split(":")[0].strip(" ") for disk in disks.split(",")]
    above = {path[:end] for path in paths for end, character in enumerate(path) if character == "/"}
    found: list[str] = []
    for path in sorted(above):
        try:
            found += KEYS["vm"]["disk_dirs"]([path])
        except ValueError:
            continue
    return found
