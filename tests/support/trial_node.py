"""A node for the unit tests whose domain builder's program tries guests, and what it reports."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from condor_kvm_stage.answer import Answer
from condor_kvm_stage.installed import BUILD_DOMAIN, GUEST_FACTS
from support.fake_node import FakeNode

REPORT = json.dumps({"starts": [{"network": "nat"}], "labels": [], "image": ""})


class TrialNode(FakeNode):
    """A node whose libvirt listens, and that has been configured."""

    def __init__(self, root: Path, answer: Answer) -> None:
        super().__init__(root)
        self.sockets = ("/run/libvirt/libvirt-sock",)
        self.put(GUEST_FACTS, "{}")
        self.programs[BUILD_DOMAIN] = answer
        text = self.programs["/usr/bin/condor_config_val"]
        assert isinstance(text, Answer)
        setting = "EXECUTE = /var/lib/condor/execute\n # at: <Default>\n"
        self.programs["/usr/bin/condor_config_val"] = replace(text, output=text.output + setting)
