"""The plug-in's answer to HTCondor's question what it can."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import classad2
import pytest

from condor_kvm_stage import __version__

pytestmark = pytest.mark.needs_classad2


def test_query_answers_an_ad_that_htcondor_accepts(plugin: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ad = classad2.parseOne(plugin("-classad").stdout, parser=classad2.ParserType.Old)
    assert {name: ad[name] for name in ad} == {
        "MultipleFileSupport": True,
        "PluginType": "FileTransfer",
        "PluginVersion": __version__,
        "ProtocolVersion": 4,
        "SupportedMethods": "nfs",
        "StartdAttrs": "NfsPluginVersion",
        "NfsPluginVersion": __version__,
    }
