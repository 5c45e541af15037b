"""The steps of a verification, as a site takes them."""

from __future__ import annotations

import re
import shutil

from testnode import evidence, guest, jobs, pool, recipe
from testnode.run import TestNodeError

from .site import INSTALLATION, NotThereError, Site
from .step import Step, expect

_POOL = recipe.FILES / "pool.conf"
_GENCONFIG = "condor-kvm-stage-genconfig"
_JOB = 600  # seconds
_RPMLINT_SUMMARY = re.compile(r"\d+ packages.* \d+ errors?, \d+ warnings?")
_UNUSED = (
    " unused-rpmlintrc-filter "  # each system's rpmlint has exceptions of its own, which make some of ours needless
)


def boots(site: Site) -> str:
    """The machine's or container's systemd."""
    failed = site.shell("systemctl --failed --plain --no-legend | cut -d ' ' -f 1 | paste -s -d ' '")
    return f"but for {failed}" if failed else ""


def repositories(site: Site) -> str:
    """What a site adds to those of the system."""
    for command in site.target.repositories(site.channel):
        site.shell(command, timeout=INSTALLATION)
    return f"HTCondor {site.channel}" if site.channel else "those of the system"


def htcondor(site: Site) -> str:
    """A pool of one node, and a user."""
    if not site.target.htcondor:
        raise NotThereError(site.target.why_no_htcondor)
    site.install(*site.target.htcondor)
    shutil.copyfile(_POOL, site.node.root / "etc/condor/config.d/10-pool.conf")
    site.shell(f"id {recipe.USER} > /dev/null 2>&1 || useradd --create-home {recipe.USER}")
    site.shell("systemctl enable --now condor.service")
    site.node.name = site.shell("condor_config_val FULL_HOSTNAME")
    pool.wait_for_slot(site.node)
    return site.shell("condor_version | head -n 1")


def installs(site: Site) -> str:
    """Our packages, from files, with what they need from the repositories."""
    site.before = site.ours()
    site.node.run([*site.target.packager.install_files, *site.packages], timeout=INSTALLATION)
    return site.shell(f"rpm --query {recipe.PACKAGE} {recipe.PACKAGE}-submit | paste -s -d ' '")


def versions(site: Site) -> str:
    """Of all that the package works with."""
    site.versions = site.look_for_versions()
    return ", ".join(f"{name} {version}" for name, version in site.versions.items())


def verifies(site: Site) -> str:
    """As rpm sees the files."""
    for package in (recipe.PACKAGE, f"{recipe.PACKAGE}-submit"):
        differs = site.node.run(["rpm", "--verify", package], check=False).stdout.strip()
        expect(not differs, f"rpm --verify {package}:\n{differs}")
    return ""


def applies(site: Site) -> str:
    """The configuration of this node."""
    said = site.node.run([_GENCONFIG, "--apply"], timeout=300)
    return (said.stdout + said.stderr).strip()


def checks(site: Site) -> str:
    """What the node says of itself."""
    said = site.node.run([_GENCONFIG, "--check", "--quiet"], timeout=300, check=False)
    expect(said.returncode == 0, f"exit status {said.returncode}\n{said.stdout}{said.stderr}".rstrip())
    return said.stdout.strip()


def offers(site: Site) -> str:
    """What the pool sees of the node."""

    def advertised() -> bool:
        slot = pool.slot_ad(site.node)
        return slot.get("HasVM") is True and "nfs" in pool.methods_in(slot)

    site.node.wait_until(advertised, "the slot advertises HasVM and the transfer method nfs", 120)
    slot = pool.slot_ad(site.node)
    return f"HasVM = true, VM_Type = {slot.get('VM_Type')}, VM_Memory = {slot.get('VM_Memory')}"


def runs_a_job(site: Site) -> str:
    """The example of a submit file, with a guest that writes to its disk."""
    node = site.node
    guest.write_base(node.root / jobs.BASE.lstrip("/"), "qcow2")
    base = evidence.sha256(node, jobs.BASE)
    pool.submit(node, "vm-job.sub", jobs.VM_JOB)
    events = pool.wait_for_end(node, jobs.VM_JOB_LOG, _JOB)
    expect("Normal termination (return value 0)" in events, f"the job failed; its event log:\n{events}")
    home = f"/home/{recipe.USER}"
    overlay = f"{home}/{jobs.VM_JOB_DISK}"
    console = (node.root / home.lstrip("/") / "console.log").read_text(encoding="utf-8", errors="replace")
    expect("pattern written" in console, f"the guest's console, console.log, says:\n{console}")
    chain = [image["filename"] for image in evidence.backing_chain(node, overlay)]
    expect(chain == [overlay, jobs.BASE], f"the overlay that came back has the chain {chain}")
    expect(
        guest.pattern_sector(evidence.disk_content(node, overlay)).startswith(guest.PATTERN),
        "what the guest wrote is not in the overlay that came back",
    )
    expect(evidence.sha256(node, jobs.BASE) == base, "the base image has changed")
    return "the guest's console and its overlay came back, with what it wrote; the base image is unchanged"


def pleases_rpmlint(site: Site) -> str:
    """The system's own rpmlint, with its own configuration; errors count."""
    try:
        site.install("rpmlint")
        version = re.search(r"\d+", site.shell("rpmlint --version"))
    except TestNodeError as error:
        raise NotThereError(f"rpmlint cannot be installed: {str(error).splitlines()[-1]}") from error
    option = "--file" if version and version[0] == "1" else "--rpmlintrc"
    command = ["rpmlint", option, site.exceptions, *site.packages]
    return lint_verdict(site.node.run(command, timeout=120, check=False).stdout)


def lint_verdict(output: str) -> str:
    """Return what rpmlint has found, by its output. Raises TestNodeError for errors, and for output without an end."""
    lines = output.splitlines()
    summary = next((match[0] for match in map(_RPMLINT_SUMMARY.search, reversed(lines)) if match), "")
    expect(bool(summary), f"rpmlint did not come to an end:\n{output}")
    errors, warnings = ([line for line in lines if mark in line and _UNUSED not in line] for mark in (" E: ", " W: "))
    expect(not errors, "\n".join([summary, *errors, *warnings]))
    return "\n".join([summary, *warnings])


def removal(site: Site) -> str:
    """Nothing stays behind, in files and in the pool."""
    owned = site.shell(f"rpm --query --list {recipe.PACKAGE} {recipe.PACKAGE}-submit").splitlines()
    site.node.run([*site.target.packager.remove, recipe.PACKAGE, f"{recipe.PACKAGE}-submit"], timeout=INSTALLATION)
    left = sorted(site.ours() - site.before)
    expect(not left, "these files are left:\n" + "\n".join(left))
    shared = sorted(set(owned) - set(site.missing(owned)))
    strangers = [path for path in shared if not path.startswith("/etc/condor")]
    expect(not strangers, "these files of the package are left:\n" + "\n".join(strangers))
    if site.target.htcondor:
        site.node.wait_until(lambda: _is_plain(site), "the slot does not advertise HasVM and nfs any more", 180)
    return "no file, and no word of it in the pool" if site.target.htcondor else "no file"


def _is_plain(site: Site) -> bool:
    slot = pool.slot_ad(site.node)
    return bool(slot) and slot.get("HasVM") is not True and "nfs" not in pool.methods_in(slot)


_REPOSITORIES, _HTCONDOR, _INSTALLS = "adds the repositories", "installs HTCondor", "installs the packages"
_APPLIES, _OFFERS = f"{_GENCONFIG} --apply", "offers virtual machines in the pool"
STEPS = (
    Step("boots with systemd", boots),
    Step(_REPOSITORIES, repositories),
    Step(_HTCONDOR, htcondor, (_REPOSITORIES,)),
    Step(_INSTALLS, installs),
    Step("has these versions", versions),
    Step(_APPLIES, applies, (_INSTALLS,)),
    Step(f"{_GENCONFIG} --check", checks, (_APPLIES,)),
    Step(_OFFERS, offers, (_HTCONDOR, _APPLIES)),
    Step("runs a virtual machine as a job", runs_a_job, (_OFFERS,)),
    Step("rpm --verify", verifies, (_INSTALLS,)),
    Step("rpmlint", pleases_rpmlint, (_INSTALLS,)),
    Step("removal leaves nothing", removal, (_INSTALLS,)),
)
