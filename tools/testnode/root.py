"""The test node's root directory: built once per release from this machine's own Debian mirror, then cached."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from . import recipe
from .recipe import Release
from .run import TestNodeError, progress, run

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "condor-kvm-stage"

# Which of this machine's apt settings say how to reach and trust the mirror
_APT_SETTINGS = re.compile(r"Acquire::(Check-Valid-Until|Check-Date|Retries|ForceIPv[46]|https?::.*) ")


@contextlib.contextmanager
def cached(release: Release = Release.TESTING) -> Iterator[Path]:
    """Give the path of a release's root directory, which must not be changed; it is there until the context ends.

    Builds it if it is not cached, which takes a minute or two. Raises TestNodeError.
    """
    if os.geteuid() != 0:
        raise TestNodeError("the test node needs root: mmdebstrap, mounts, /dev/kvm; run this as root")
    CACHE.mkdir(parents=True, exist_ok=True)
    path = _path(release)
    with open(f"{path}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        # Another lock, because others may hold that one for long who need nothing but what is being built
        with open(f"{path}.building", "w", encoding="ascii") as building:
            fcntl.flock(building, fcntl.LOCK_EX)
            if not path.exists():
                _remove_outdated()
                _build(release, path)
        yield path


def _path(release: Release) -> Path:
    return CACHE / f"root-{release.value}-{recipe.digest(release)}"


def _remove_outdated() -> None:
    """Remove the roots of earlier recipes, unless a node still runs on one."""
    current = {_path(release) for release in Release}
    for lock_path in CACHE.glob("root-*.lock"):
        other = lock_path.with_suffix("")
        if other in current:
            continue
        with open(lock_path, encoding="ascii") as lock, contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # renamed first: under its own name a root is complete
            with contextlib.suppress(FileNotFoundError):
                other.rename(other.with_suffix(".partial"))
            shutil.rmtree(other.with_suffix(".partial"), ignore_errors=True)
            other.with_suffix(".building").unlink(missing_ok=True)
            lock_path.unlink()


def _build(release: Release, path: Path) -> None:
    packages = recipe.packages(release)
    progress(f"building a root: Debian {release.value}, {len(packages)} packages and what they need")
    partial = path.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    options = [f"--aptopt={line}" for line in _apt_settings()]
    include = ",".join(packages)
    _mmdebstrap([*options, f"--include={include}", release.value, str(partial), _mirror()])
    progress("making the worker of it")
    (partial / "etc/hostname").write_text(f"{recipe.HOSTNAME}\n", encoding="ascii")
    for name, place in recipe.places(release).items():
        target = partial / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(recipe.FILES / name, target)
    (partial / "usr/share/licenses").mkdir(exist_ok=True)  # belongs to EL's package filesystem
    run(["chroot", partial, "useradd", "--create-home", "--shell", "/bin/sh", recipe.USER])
    if release in recipe.NODES:
        # Debian's package asks condor_config_val where its log goes, in a root that is not complete yet
        owner = ["--owner=condor", "--group=condor"]
        places = ["/var/log/condor", "/var/spool/condor", "/var/lib/condor/execute"]
        run(["chroot", partial, "install", "--directory", *owner, *places])
    if release in recipe.BORROWED:
        _install_borrowed(partial, recipe.BORROWED[release])
    _install_bridge(partial, release)
    partial.rename(path)


def _install_borrowed(root: Path, packages: list[str]) -> None:
    """Install packages of this machine's own Debian, without what they depend on, into the root."""
    with tempfile.TemporaryDirectory() as scratch:
        # as root: apt's own user may not write there, of which it warns
        run(["env", f"--chdir={scratch}", "apt-get", "--option=APT::Sandbox::User=root", "download", *packages])
        run(["dpkg", f"--root={root}", "--install", *Path(scratch).glob("*.deb")])


def _mmdebstrap(arguments: list[str]) -> None:
    """Run mmdebstrap, which takes a minute or two, and show its progress: lines that begin with I: and end in dots."""
    output = []
    with subprocess.Popen(
        ["mmdebstrap", "--variant=minbase", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output.append(line)
            if line.startswith("I: ") and line.endswith("...\n"):
                progress(f"  {line[3:].rstrip()}")
    if process.returncode != 0:
        raise TestNodeError(f"mmdebstrap failed:\n{''.join(output[-30:])}")


def _mirror() -> str:
    """Return the URI of the Debian mirror that this machine's apt uses for its own release."""
    release = run(["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"]).stdout.strip()
    # another party's repository may have the same codename, but not the same origin
    targets = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)", "Created-By: Packages"]
    for line in run(targets).stdout.splitlines():
        origin, codename, uri = line.split(" ", 2)
        if (origin, codename) == ("Debian", release):
            return uri
    raise TestNodeError(f"apt knows no mirror of Debian {release}; run apt-get update, check /etc/apt/sources.list*")


def _apt_settings() -> list[str]:
    dump = run(["apt-config", "dump"]).stdout.splitlines()
    return [line for line in dump if _APT_SETTINGS.match(line) and not line.endswith(' "";')]


def _install_bridge(root: Path, release: Release) -> None:
    """Build the bridge RPM and install it into the root, with the root's own rpm."""
    provides = [] if release in recipe.NODES else [f"Provides: {name}" for name in recipe.STAND_INS]
    for name, package in recipe.bridge(release).items():
        version = run(["chroot", root, "dpkg-query", "-W", "-f", "${source:Upstream-Version}", package]).stdout
        number = re.match(r"[0-9.]+[0-9]", version)
        if number is None:
            raise TestNodeError(f"the version of Debian's {package}, {version!r}, does not begin with a number")
        provides.append(f"Provides: {name}" if name.startswith("/") else f"Provides: {name} = {number[0]}")
    with tempfile.TemporaryDirectory() as scratch:
        defines = ["--define", f"_topdir {scratch}", "--define", "provides " + "\\\n".join(provides)]
        run(["rpmbuild", "-bb", "--quiet", *defines, recipe.FILES / "bridge.spec"])
        (package_file,) = Path(scratch).glob("RPMS/noarch/*.rpm")
        shutil.copyfile(package_file, root / "root/bridge.rpm")
    run(["chroot", root, "rpm", "--nosignature", "--install", "/root/bridge.rpm"])
    (root / "root/bridge.rpm").unlink()
