"""The systems to verify: their official images, package managers, and where each has HTCondor from. Facts only."""

from __future__ import annotations

from dataclasses import dataclass

# Where HTCondor's releases are, by channel: an LTS (.0), or its feature releases (.x)
_RELEASES = {
    "23.0": "https://research.cs.wisc.edu/htcondor/repo/23.0",
    "24.0": "https://research.cs.wisc.edu/htcondor/repo/24.0",
    "25.0": "https://htcss-downloads.chtc.wisc.edu/repo/25.0",
    "25.x": "https://htcss-downloads.chtc.wisc.edu/repo/25.x",
}


@dataclass(frozen=True)
class Packager:
    """A package manager: command lines that need an answer from nobody."""

    install: tuple[str, ...]
    install_files: tuple[str, ...]  # packages that are files, as ours: not signed
    remove: tuple[str, ...]


# Images leave documentation out, a site's machines do not. They also have smaller variants of some packages, as
# coreutils-single, which give way to what a machine has.
DNF = Packager(
    ("dnf", "--assumeyes", "--setopt=tsflags=", "--allowerasing", "install"),
    ("dnf", "--assumeyes", "--setopt=tsflags=", "install"),
    ("dnf", "--assumeyes", "remove"),
)
ZYPPER = Packager(
    ("zypper", "--non-interactive", "install", "--force-resolution"),
    ("zypper", "--non-interactive", "install", "--allow-unsigned-rpm"),
    ("zypper", "--non-interactive", "remove"),
)


@dataclass(frozen=True)
class Target:
    """A system to verify."""

    name: str  # in `make verify-<name>`
    image: tuple[str, ...]  # podman's words for it
    packager: Packager
    systems: tuple[str, ...] = ()  # a machine's that can be verified: ID in its os-release(5)
    version: str = ""  # its VERSION_ID up to a dot; "" for any
    channels: tuple[str, ...] = ()  # of HTCondor's own repository, for this system; the first is the default
    release: str = ""  # what HTCondor's repository calls the system
    extra: tuple[str, ...] = ()  # shell commands that add the repositories which HTCondor's packages need
    htcondor: tuple[str, ...] = ("condor", "condor-vm-gahp")
    why_no_htcondor: str = ""

    def repositories(self, channel: str) -> list[str]:
        """Return the shell commands that add what a site adds. channel: of HTCondor's repository, "" for none."""
        if not channel:
            return list(self.extra)
        package = f"{_RELEASES[channel]}/htcondor-release-current.{self.release}.noarch.rpm"
        return [*self.extra, f"{' '.join(self.packager.install)} {package}"]


_EPEL_AND_CRB = ("dnf --assumeyes install epel-release dnf-plugins-core", "dnf config-manager --set-enabled crb")
_EL = ("almalinux", "rocky", "centos")
TARGETS = (
    Target(
        "el9",
        ("quay.io/almalinuxorg/almalinux:9",),
        DNF,
        _EL,
        "9",
        ("25.0", "25.x", "24.0", "23.0"),
        "el9",
        _EPEL_AND_CRB,
    ),
    # HTCondor's first packages for it are those of 25
    Target("el10", ("quay.io/almalinuxorg/almalinux:10",), DNF, _EL, "10", ("25.0", "25.x"), "el10", _EPEL_AND_CRB),
    # HTCondor's own repository has nothing for it; the distribution has HTCondor 23
    Target("fedora", ("quay.io/fedora/fedora:latest",), DNF, ("fedora",)),
    Target(
        "tumbleweed",
        ("registry.opensuse.org/opensuse/tumbleweed:latest",),
        ZYPPER,
        ("opensuse-tumbleweed",),
        htcondor=(),
        why_no_htcondor="neither HTCondor's own repository nor openSUSE has packages of it for Tumbleweed",
    ),
)
