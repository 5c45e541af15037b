"""Every file gets the SELinux context that its use needs by its path alone: no policy of our own, no restorecon.

By Debian's policy, which has the reference policy's file contexts, as EL and Fedora have. In theirs condor_startd_t,
which runs the plug-in, may run what is bin_t, and /etc/condor is condor_conf_t (condor.te and condor.fc in
fedora-selinux/selinux-policy).
"""

from __future__ import annotations

import pytest

from testnode import container, repository
from testnode.recipe import Release
from testnode.run import run

_CONTEXTS = "/etc/selinux/default/contexts/files/file_contexts"
# Where the package of image builders has the plug-in, and what is made on the host
_FURTHER = [
    "/usr/libexec/condor-kvm-stage/vm-nfs-plugin",
    "/usr/share/condor-kvm-stage/python/condor_kvm_stage/__pycache__/policy.cpython-39.pyc",
]
# By how a path begins; the first that does
_TYPES = {
    "/usr/local/bin/": "bin_t",
    "/usr/sbin/": "bin_t",
    "/usr/libexec/": "bin_t",
    "/usr/lib/systemd/": "systemd_unit_t",
    "/usr/share/man/": "man_t",
    "/usr/share/": "usr_t",
    "/etc/": "etc_t",
}


@pytest.fixture(scope="module")
def contexts() -> dict[str, str]:
    """The type of each of the package's paths."""
    paths = [*run(["rpm", "--query", "--list", "--package", repository.built()]).stdout.split(), *_FURTHER]
    with container.tree(Release.BOOKWORM) as tree:
        said = container.execute(tree, ["matchpathcon", "-f", _CONTEXTS, *paths]).stdout
    return {path: context.split(":")[2] for path, context in (line.split("\t") for line in said.splitlines())}


def test_each_path_has_the_type_of_its_directory(contexts: dict[str, str]) -> None:
    wanted = {path: next(kind for begin, kind in _TYPES.items() if path.startswith(begin)) for path in contexts}
    assert contexts == wanted
