"""Every file gets the SELinux context that its use needs by its path alone: no policy of our own, no restorecon.

By Debian's policy, which has the reference policy's file contexts, as EL and Fedora have. In theirs condor_startd_t,
which runs the plug-in, may run what is bin_t, and /etc/condor is condor_conf_t (condor.te and condor.fc in
fedora-selinux/selinux-policy).
"""

from __future__ import annotations

from testnode import builds, container
from testnode.recipe import Release
from testnode.run import run

_CONTEXTS = "/etc/selinux/default/contexts/files/file_contexts"
# Where the package of image builders has the plug-in, and what is made on the host
_FURTHER = [
    "/usr/libexec/condor-kvm-stage/vm-nfs-plugin",
    "/usr/share/condor-kvm-stage/python/condor_kvm_stage/policy/__pycache__/load.cpython-39.pyc",
]
# By how a path begins; the first that does
_TYPES = {
    "/usr/local/bin/": "bin_t",
    "/usr/bin/": "bin_t",
    "/usr/sbin/": "bin_t",
    "/usr/libexec/": "bin_t",
    "/usr/lib/systemd/": "systemd_unit_t",
    "/usr/share/man/": "man_t",
    "/usr/share/": "usr_t",
    "/etc/": "etc_t",
}


def test_each_path_has_the_type_of_its_directory() -> None:
    paths = [*run(["rpm", "--query", "--list", "--package", builds.built()]).stdout.split(), *_FURTHER]
    with container.tree(Release.BOOKWORM) as tree:
        said = container.execute(tree, ["matchpathcon", "-f", _CONTEXTS, *paths]).stdout
    found = {path: context.split(":")[2] for path, context in (line.split("\t") for line in said.splitlines())}
    assert found == {path: next(kind for begin, kind in _TYPES.items() if path.startswith(begin)) for path in paths}
