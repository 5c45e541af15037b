"""Today's rpmlint, with Fedora's and with openSUSE's settings, has nothing to say of the spec and of the packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testnode import builds
from verification.steps import lint_verdict

REPOSITORY = Path(__file__).parents[2]
RPMLINT = Path(sys.executable).with_name("rpmlint")
SOURCES = Path(sys.prefix) / "sources"  # made with the virtual environment, see the Makefile
# The licences of Fedora are in a package of their own
LICENSES = 'ValidLicenses = ["Apache-2.0"]\n'
# It needs a program whose package brings all that Debian's packages are built with
LEFT_OUT = '    "BashismsCheck",\n'


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the settings of each system, from rpmlint's sources."""
    place = tmp_path_factory.mktemp("rpmlint")
    (archive,) = SOURCES.glob("rpmlint-*.tar.gz")
    shutil.unpack_archive(archive, place)
    (found,) = place.glob("rpmlint-*/configs")
    return found


@pytest.mark.parametrize(("system", "file"), [("Fedora", "fedora.toml"), ("openSUSE", "opensuse.toml")])
def test_rpmlint_with_a_systems_settings_is_content(system: str, file: str, settings: Path) -> None:
    path = settings / system / file
    text = path.read_text(encoding="utf-8")
    assert LEFT_OUT in text
    path.write_text(text.replace(LEFT_OUT, ""), encoding="utf-8")
    (settings / system / "more.toml").write_text(LICENSES, encoding="utf-8")
    exceptions = REPOSITORY / "condor-kvm-stage.rpmlintrc"
    packages = [builds.built(), builds.submit_package(), builds.source_package()]
    command = [RPMLINT, "--config", settings / system, "--rpmlintrc", exceptions]
    said = subprocess.run(
        [*map(str, command), REPOSITORY / "condor-kvm-stage.spec", *packages],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert str(path) in said.stdout, said.stdout + said.stderr
    assert " W: " not in lint_verdict(said.stdout)
