"""The repository that the node's dnf installs from: our RPM, signed with a key that is made for the occasion."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from .node import Node
from .run import TestNodeError, run

DIST = Path(__file__).parents[2] / "dist"
_KEY = "condor-kvm-stage test key"


def put_on(node: Node) -> Path:
    """Sign the package in dist/, and make it a repository in the node's /srv/repository. Returns the package's path."""
    packages = sorted(DIST.glob("condor-kvm-stage-*.noarch.rpm"))
    if len(packages) != 1:
        raise TestNodeError(f"{DIST} holds {len(packages)} packages, not one; run: make rpm")
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as key_ring:
        repository = Path(scratch)
        shutil.copyfile(packages[0], repository / packages[0].name)
        _sign(repository / packages[0].name, key_ring, repository / "public-key.asc")
        run(["createrepo_c", "--quiet", repository])
        shutil.copytree(repository, node.root / "srv/repository")
        (node.root / "srv/repository").chmod(0o755)  # a temporary directory is its owner's alone
    return packages[0]


def _sign(package: Path, key_ring: str, public_key: Path) -> None:
    """Sign the package with a key that is made in the directory key_ring; write the public key."""
    env = {"GNUPGHOME": key_ring}
    try:
        batch = ["gpg", "--batch", "--quiet", "--passphrase", ""]
        run([*batch, "--quick-generate-key", _KEY, "rsa3072", "sign", "1d"], env=env)
        run([*batch, "--armor", "--output", public_key, "--export", _KEY], env=env)
        # Debian's rpm looks for gpg where it was built to look, not on PATH
        defines = ["--define", f"_gpg_name {_KEY}", "--define", f"__gpg {shutil.which('gpg')}"]
        run(["rpmsign", *defines, "--addsign", package], env=env)
    finally:
        run(["gpgconf", "--kill", "all"], env=env, check=False)
