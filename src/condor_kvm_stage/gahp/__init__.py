"""The filter around HTCondor's vm-gahp: it ends a job with its guest, and judges failed starts."""
