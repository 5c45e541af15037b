"""The programs that --check tries, and their answers, for the tests of its trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.genconfig.checks.trials import Trials
from condor_kvm_stage.policy.model import Policy
from support.fake_host import Program

GAHP = "/usr/sbin/condor_vm-gahp"
FIND, HEAD = "/usr/bin/find", "/usr/bin/head"
GAHP_PASSED = Answer(0, 'VM_GAHP_VERSION = "25.14.1"\nVM_Type = "kvm"\nVM_Memory = 60800\n')
PATH_OF_PLUGIN = "/usr/libexec/condor-kvm-stage/vm-nfs-plugin"  # must be found: it is not the first of PLUGINS
PLUGIN = Answer(0, 'SupportedMethods = "nfs"\n')
IMAGE = Answer(0, "/srv/images/base.qcow2\n")
Programs = Mapping[str, "Answer | Program"]
Try = Callable[..., Trials]


def policy(*image_dirs: str, canary: str = "") -> Policy:
    site = Policy()
    site.staging.image_dirs = list(image_dirs)
    site.staging.canary_image = canary
    return site
