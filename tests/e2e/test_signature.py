"""dnf installs what is signed with the repository's key, nothing else: packages (gpgcheck), metadata (repo_gpgcheck).

A package that dnf must refuse comes with metadata that describe it and are well signed, so that only gpgcheck is left.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testnode import builds, container, repository
from testnode.recipe import Release
from testnode.run import run


@dataclass(frozen=True)
class Worker:
    """A tree with a signed repository, a dnf that trusts it so far, and the key ring that it was signed with."""

    root: Path
    dnf: str
    directory: Path
    ring: Path

    @property
    def package(self) -> Path:
        """The package in the repository."""
        return self.directory / builds.built().name

    @property
    def metadata(self) -> Path:
        """The file of the metadata that is signed, and that has the checksums of the others."""
        return self.directory / "repodata/repomd.xml"

    def describe_package(self) -> None:
        """Make new metadata, of the package as it is now, with the right signature."""
        run(["createrepo_c", "--quiet", "--no-database", self.directory])
        sign_metadata(self, self.ring)

    def install(self) -> subprocess.CompletedProcess[str]:
        """Install the package as an administrator does who trusts the key that the repository names."""
        return container.execute(self.root, [self.dnf, "--assumeyes", "install", "condor-kvm-stage"], check=False)

    def has_package(self) -> bool:
        return container.execute(self.root, ["rpm", "--query", "condor-kvm-stage"], check=False).returncode == 0


@pytest.fixture(
    params=[(Release.TESTING, "dnf"), (Release.TESTING, "dnf5"), (Release.TRIXIE, "dnf"), (Release.BULLSEYE, "dnf")],
    ids=["rpm-6.1-dnf-4", "rpm-6.1-dnf5", "rpm-4.20-dnf-4", "rpm-4.16-dnf-4"],
)
def worker(request: pytest.FixtureRequest) -> Iterator[Worker]:
    release, dnf = request.param
    with container.tree(release) as root, repository.key_ring() as ring:
        yield Worker(root, dnf, repository.put_in(root, [builds.built()], ring), ring)


@pytest.fixture(scope="module")
def stranger() -> Iterator[Path]:
    """The key ring of somebody else, who gave the key the same name."""
    with repository.key_ring() as ring:
        yield ring


def sign_metadata(worker: Worker, ring: Path) -> None:
    run(["gpg", "--batch", "--yes", "--armor", "--detach-sign", worker.metadata], env={"GNUPGHOME": str(ring)})


def assert_refused(worker: Worker, *reasons: str) -> None:
    """Check that dnf installs nothing, and says one of these reasons, which differ between versions."""
    result = worker.install()
    output = result.stdout + result.stderr
    assert result.returncode == 1, output
    assert any(reason in output for reason in reasons), output
    assert not worker.has_package()


def test_signed_package_of_signed_repository_is_installed_after_its_key(worker: Worker) -> None:
    result = worker.install()
    assert result.returncode == 0, result.stdout + result.stderr
    assert repository.KEY in result.stdout + result.stderr, "dnf shows whose key it imports"
    assert worker.has_package()


def test_unsigned_package_is_refused(worker: Worker) -> None:
    shutil.copyfile(builds.built(), worker.package)
    worker.describe_package()
    assert_refused(
        worker, f"Package {worker.package.name} is not signed\nError: GPG check FAILED", "The package is not signed."
    )


def test_package_of_which_one_bit_has_changed_is_refused(worker: Worker) -> None:
    content = bytearray(worker.package.read_bytes())
    content[-1000] ^= 1  # in the files, which come last
    worker.package.write_bytes(content)
    worker.describe_package()
    assert_refused(
        worker,
        f"Problem opening package {worker.package.name}\nError: GPG check FAILED",
        "Problem occurred when opening the package.",
        # rpm 4.16 leaves the files to the transaction
        "does not verify: Payload SHA256 ALT digest: BAD",
    )


def test_package_signed_with_another_key_of_the_same_name_is_refused(worker: Worker, stranger: Path) -> None:
    defines = ["--define", f"_gpg_name {repository.KEY}", "--define", f"__gpg {shutil.which('gpg')}"]
    run(["rpmsign", *defines, "--resign", worker.package], env={"GNUPGHOME": str(stranger)})
    worker.describe_package()
    assert_refused(worker, "Import of key(s) didn't help, wrong key(s)?", "Import of the key didn't help, wrong key?")


def test_metadata_changed_after_they_were_signed_are_refused(worker: Worker) -> None:
    worker.metadata.write_bytes(worker.metadata.read_bytes().replace(b"<revision>", b"<revision>1"))
    assert_refused(
        worker,
        "repomd.xml GPG signature verification error: Bad GPG signature",
        "repomd.xml GPG signature verification error: Bad PGP signature",
    )


def test_metadata_signed_with_another_key_of_the_same_name_are_refused(worker: Worker, stranger: Path) -> None:
    sign_metadata(worker, stranger)
    assert_refused(
        worker,
        "repomd.xml GPG signature verification error: Bad GPG signature",
        "repomd.xml GPG signature verification error: Signing key not found",
    )


def test_metadata_without_a_signature_are_refused(worker: Worker) -> None:
    worker.metadata.with_suffix(".xml.asc").unlink()
    assert_refused(worker, "GPG verification is enabled, but GPG signature is not available.")
