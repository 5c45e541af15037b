"""The macros of the configuration: what conditions and messages are made of. As ClassAd expressions, in their order.

A schedd that evaluates a pattern does nothing else meanwhile. So a pattern takes linear time; but for the search for a
device that is used twice, which is START's, too, and which PCRE's limit ends.
"""

from __future__ import annotations

import re

from condor_kvm_stage.genconfig.snippet import start_guard
from condor_kvm_stage.job import FILES_WANTED

# Any that a policy can name (vm.disk_dirs): an access point does not know the nodes' policies. An atomic group, of all
# components but the last: with a second way to divide a path, a list of paths would take exponential time
ANY_DIRECTORY = "(?>(/+(?![.][.]/)[A-Za-z0-9._+-]+(?=/))+)"

# The attributes whose text matters, by the names of the macros
TEXTS = {
    "universe": "JobUniverse",
    "type": "JobVMType",
    "disks": "VMPARAM_vm_Disk",
    "mac": "JobVM_MACADDR",
    "network": "jobvmnetworkingtype",
    "bridge": "VMPARAM_Bridge_Interface",
    "memory": "JobVMMemory",
    "request_memory": "RequestMemory",
    "vcpus": "JobVM_VCPUS",
    "request_cpus": "RequestCpus",
    "firmware": "VMPARAM_Firmware",
    "files": FILES_WANTED,
    "checkpoint": "JobVMCheckpoint",
    "intermediate": "TransferIntermediate",
    "plugins": "TransferPlugins",
    "precmd": "PreCmd",
    "vm_name": "VMPARAM_VM_NAME",
    "directory": "VM_WORKING_DIR",
    "user": "User",
}


def use(name: str) -> str:
    """Return how the configuration refers to a macro."""
    return f"$(VM_JOB_{name.upper()})"


def matches(name: str, pattern: str, options: str = "") -> str:
    """Return the expression: the macro's value matches a pattern."""
    more = f', "{options}"' if options else ""
    return f"regexp({quoted(pattern)}, {use(name)}{more})"


def quoted(text: str) -> str:
    """Return a text as a string of a ClassAd."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def macros() -> dict[str, str]:
    """Return the macros by name."""
    one = re.sub(r"\((?!\?)", "(?:", start_guard.disk([ANY_DIRECTORY]))  # regexps() knows only nine groups
    twice = re.sub(r"\(\?P<\w+>", "(", start_guard.DEVICE_TWICE).replace("(?P=device)", r"\1")
    return {
        **{name: start_guard.text(attribute) for name, attribute in TEXTS.items()},
        # The first disk that is not as it must be: what follows as many as possible that are. Then its parts
        "disk": _part("disks", f'^"(?:{one} *, *)*([^,"]*)'),
        "name": _part("disk", "^([^:]*)"),
        "base": _part("name", "^(?:.*/)?([^/]*)$"),
        "device": _part("disk", "^[^:]*:([^:]*)"),
        "rest": _part("disk", "^[^:]*:[^:]*(.*)"),
        "permission": _part("disk", "^[^:]*:[^:]*:([^:]*)"),
        "format": _part("disk", "^[^:]*:[^:]*:[^:]*:([^:]*)"),
        # The device that was probably meant: with the same letter
        "letter": _part("device", "^[A-Za-z]{0,2}d([a-z])[0-9]*$"),
        "bus": f'ifThenElse({matches("name", "iso")}, "sd", "vd")',
        "better": f'strcat({use("bus")}, ifThenElse({use("letter")} == "", "a", {use("letter")}))',
        "twice": _part("disks", f"^{twice}"),
    }


def _part(name: str, pattern: str) -> str:
    """Return the expression: the pattern's group in the macro's value, "" if it does not match."""
    return f'regexps({quoted(pattern)}, {use(name)}, "\\\\1")'
