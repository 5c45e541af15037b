"""A wheel renders the snippet for another tree, as the repository does: `pip install .`, then --root and --stdout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
POLICY = '[vm]\nmemory = "4G"\nmax_number = 2\n[network]\ntypes = ["nat"]\n'


def test_wheel_renders_what_the_repository_does(tmp_path: Path) -> None:
    target, tree = tmp_path / "target", tmp_path / "tree"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(REPOSITORY)]
    subprocess.run(pip, check=True, capture_output=True, timeout=110)
    (tree / "etc/condor-kvm-stage").mkdir(parents=True)
    (tree / "etc/condor-kvm-stage/config.toml").write_text(POLICY)
    arguments = ["--root", str(tree), "--stdout"]
    installed = subprocess.run(
        [str(target / "bin/condor-kvm-stage-genconfig"), *arguments],
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code = "import sys; from condor_kvm_stage.genconfig.cli import main; sys.exit(main())"
    in_repository = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "VM_MEMORY = 4096\n" in installed.stdout
    assert installed.stdout == in_repository.stdout
