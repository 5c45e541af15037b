"""The output of dnf and dnf5 for a transaction, which of its lines come from scriptlets, and files that they keep."""

from __future__ import annotations

import re

# Before a command: merge its two streams, in order; dnf5 writes to both
MERGED = ("sh", "-c", 'exec "$@" 2>&1', "sh")
# What changes with each transaction, regardless of the package: RPM's database, dnf's state, caches and logs
KEPT = (
    *("usr/lib/sysimage", "var/lib/rpm", "var/lib/dnf", "run/dnf", "var/cache/dnf", "var/cache/libdnf5"),
    *("var/log/dnf.log", "var/log/dnf.librepo.log", "var/log/dnf.rpm.log", "var/log/dnf5.log", "var/log/hawkey.log"),
)
# Lines of dnf and dnf5 about a transaction's steps, its end, a new key, and no key
_OWN = re.compile(
    r"  [A-Z][a-z]+( scriptlet)? *: .*\d+/\d+ *"  # "  Installing       : condor-kvm-stage-0.1.0-1.noarch   1/1 "
    r"|\[\d+/\d+\] .*"  # "[3/3] Installing condor-kvm-stage-0:0.1 100% |   2.5 MiB/s | 289.1 KiB |  00m00s"
    r"|[A-Z][a-z]+:|  condor-kvm-stage-\S+ *|Complete!|"
    r"|Importing OpenPGP key .*| (UserID|Fingerprint|From) *: .*|The key was successfully imported\."
    r"|Warning: skipped OpenPGP checks for 1 package from repository: \S+"
)


def foreign_lines(output: str) -> list[str]:
    """Return the lines since the start of a transaction that are not dnf's own: scriptlets' output, errors."""
    lines = output.splitlines()
    return [line for line in lines[lines.index("Running transaction") + 1 :] if not _OWN.fullmatch(line)]
