"""The repository that the node's dnf installs from: our RPM, signed with a key that is made for the occasion."""

from __future__ import annotations

import os
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
    repository = node.root / "srv/repository"
    with tempfile.TemporaryDirectory() as scratch:
        signed = Path(scratch) / packages[0].name
        shutil.copyfile(packages[0], signed)
        public_key = _sign(signed, Path(scratch))
        run(["createrepo_c", "--quiet", "--excludes", "gnupg/*", scratch])
        repository.mkdir(parents=True)
        shutil.copyfile(public_key, repository / "public-key.asc")
        shutil.copyfile(signed, repository / signed.name)
        shutil.copytree(Path(scratch) / "repodata", repository / "repodata")
    return packages[0]


def _sign(package: Path, scratch: Path) -> Path:
    """Sign the package with a new key, which is forgotten afterwards. Returns the path of the public key."""
    home = scratch / "gnupg"
    home.mkdir(mode=0o700)
    env = {"GNUPGHOME": str(home)}
    public_key = scratch / "public-key.asc"
    try:
        batch = ["gpg", "--batch", "--quiet", "--passphrase", ""]
        run([*batch, "--quick-generate-key", _KEY, "rsa3072", "sign", "1d"], env=env)
        run([*batch, "--armor", "--output", public_key, "--export", _KEY], env=env)
        # Debian's rpm looks for gpg where it was built to look, not on PATH
        defines = ["--define", f"_gpg_name {_KEY}", "--define", f"__gpg {shutil.which('gpg')}"]
        run(["rpmsign", *defines, "--addsign", package], env=env)
    finally:
        run(["gpgconf", "--kill", "all"], env={**os.environ, **env}, check=False)
    return public_key
