"""What HTCondor runs is a shell script: whatever becomes of the program behind it, it prints a domain."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support import installed_plugin
from support.domain.builder_in_process import WORDS
from support.domain.job_ads import ad_of

SCRIPTS = Path(__file__).parents[3] / "scripts"
INSTALLED = "/usr/libexec/condor-kvm-stage/build-domain"


@pytest.fixture
def builder(tmp_path: Path) -> Path:
    """Where the program behind the script is, once a test has put one there."""
    return tmp_path / "build-domain"


@pytest.fixture(params=["dash", "bash"])
def wrapper(request: pytest.FixtureRequest, tmp_path: Path, builder: Path) -> list[str]:
    """A command line that runs the script with one of the shells that are sh somewhere."""
    text = (SCRIPTS / "condor-kvm-stage-domain").read_text(encoding="utf-8")
    assert text.startswith("#!/bin/sh\n")
    assert text.count(INSTALLED) == 1
    script = tmp_path / "condor-kvm-stage-domain"
    script.write_text(text.replace(INSTALLED, str(builder)), encoding="utf-8")
    script.chmod(0o755)
    options = ["--posix"] if request.param == "bash" else []
    shell = subprocess.run(["sh", "-c", f"command -v {request.param}"], capture_output=True, text=True).stdout.strip()
    return [shell or "/bin/sh", *options, str(script)]


def write(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def run(command: list[str], data: bytes = b"", environment: dict[str, str] | None = None) -> str:
    """What is printed; the status must be 0."""
    result = subprocess.run(command, input=data, stdout=subprocess.PIPE, env=environment, timeout=60, check=False)
    assert result.returncode == 0
    return result.stdout.decode()


def assert_refusal(output: str) -> None:
    domain = ElementTree.fromstring(output)
    assert WORDS in domain.attrib["type"]
    assert [child.tag for child in domain] == ["name"]
    assert domain.findtext("name")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_who_runs_it_by_hand_is_told_what_it_is_for(wrapper: list[str], builder: Path, option: str) -> None:
    write(builder, "echo '<domain/>'")
    assert run([*wrapper, option]).startswith("usage: condor-kvm-stage-domain < AD\n")


def test_on_a_terminal_it_does_not_wait_for_a_job(wrapper: list[str], builder: Path) -> None:
    write(builder, "cat")
    terminal, other = os.openpty()
    try:
        done = subprocess.run(wrapper, stdin=other, stdout=subprocess.PIPE, timeout=60, check=False)
    finally:
        os.close(terminal)
        os.close(other)
    assert done.stdout.startswith(b"usage: condor-kvm-stage-domain < AD\n")


def test_definition_is_printed_as_it_is(wrapper: list[str], builder: Path) -> None:
    write(builder, r"""printf '%s' "<domain>\\n %s \$x 'a' -n &amp; </domain>" """)
    assert run(wrapper) == "<domain>\\n %s $x 'a' -n &amp; </domain>\n"


def test_job_goes_to_the_program_with_the_number_of_the_one_who_asks(wrapper: list[str], builder: Path) -> None:
    write(builder, 'echo "$# $1"; cat')
    assert run(wrapper, b"A = 1\n") == f"1 {os.getpid()}\nA = 1\n"


@pytest.mark.parametrize(
    "script",
    [
        "exit 1",
        "echo '<domain type=\"kvm\"/>'; exit 1",
        ":",
        "echo",
        "kill -9 $$",
        "echo '<domain'; kill -9 $$",
        "echo '<domain'; kill -SEGV $$",
        "exec /nonexistent",
        "syntax error (",
    ],
)
def test_program_that_fails_is_a_refusal(wrapper: list[str], builder: Path, script: str) -> None:
    write(builder, script)
    assert_refusal(run(wrapper))


@pytest.mark.parametrize("kind", ["missing", "directory", "not executable", "no interpreter", "empty"])
def test_program_that_cannot_be_run_is_a_refusal(wrapper: list[str], builder: Path, kind: str) -> None:
    if kind == "directory":
        builder.mkdir()
    elif kind != "missing":
        builder.write_text("#!/nonexistent\n" if kind == "no interpreter" else "")
        builder.chmod(0o644 if kind == "not executable" else 0o755)
    assert_refusal(run(wrapper))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be a user who may have no further process")
@pytest.mark.parametrize("wrapper", ["dash"], indirect=True)  # the same in bash, after 15 s
def test_node_without_room_for_another_process_is_a_refusal(wrapper: list[str], builder: Path) -> None:
    """As where a job has used up what HTCondor's service may have."""
    write(builder, "echo '<domain type=\"kvm\"/>'")
    user = 1_000_000 + os.getpid()  # who has no process yet, else he could not begin
    assert_refusal(run(["prlimit", "--nproc=0:0", "setpriv", f"--reuid={user}", "--clear-groups", *wrapper]))


def test_program_as_it_is_installed_prints_a_refusal_of_its_own(wrapper: list[str], builder: Path) -> None:
    """Run by nobody that HTCondor has started."""
    text = (SCRIPTS / "build-domain").read_text(encoding="utf-8")
    builder.write_text(
        text.replace("/usr/share/condor-kvm-stage/python", str(installed_plugin.MODULES)), encoding="utf-8"
    )
    builder.chmod(0o755)
    output = run(wrapper, ad_of(), {"PATH": os.environ["PATH"]})
    assert_refusal(output)
    assert "VMGAHP_WORKING_DIR" in output
    write(builder.with_name("quiet"), f"exec {' '.join(wrapper)} 2>&-")
    assert_refusal(run([str(builder.with_name("quiet"))], ad_of(), {"PATH": os.environ["PATH"]}))


@pytest.mark.parametrize("modules", ["/nonexistent", "broken"])
def test_program_whose_modules_are_gone_is_a_refusal(
    wrapper: list[str], builder: Path, tmp_path: Path, modules: str
) -> None:
    """As while the package is being replaced."""
    package = tmp_path / "broken/condor_kvm_stage"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("syntax error (")
    text = (SCRIPTS / "build-domain").read_text(encoding="utf-8")
    directory = modules if modules.startswith("/") else str(tmp_path / modules)
    builder.write_text(text.replace("/usr/share/condor-kvm-stage/python", directory), encoding="utf-8")
    builder.chmod(0o755)
    assert_refusal(run(wrapper, ad_of()))


def test_programs_are_what_the_package_installs_them_as() -> None:
    for name in ("condor-kvm-stage-domain", "build-domain", "condor-kvm-stage-prepare"):
        assert os.access(SCRIPTS / name, os.X_OK)
        assert INSTALLED.replace("build-domain", name) in (SCRIPTS / name).read_text(encoding="utf-8")
