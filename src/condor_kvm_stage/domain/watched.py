"""What the hook has HTCondor's starter think of the job's output: so condor_tail shows the guest's console.

condor_tail reads what the starter's copy of the job's ad names as the job's stdout and stderr (Starter::peek() in
src/condor_starter.V6.1/starter.cpp), which a VM job does not have. What is transferred back does not change.
"""

from __future__ import annotations

from ..failures import ParameterError
from ..job import CONSOLE
from .job_ad import Ad

_NOWHERE = (None, "/dev/null")  # what condor_submit writes if the submit file says nothing


def attributes(ad: Ad) -> str:
    """Return the hook's output: the console is the job's stdout. condor_submit allows no other for VM jobs."""
    try:
        is_free = ad.string("Out") in _NOWHERE
    except ParameterError:  # something else is there
        is_free = False
    return f'Out = "{CONSOLE}"\n' if is_free else ""
