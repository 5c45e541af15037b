"""The domain builder, which the vm-gahp runs as root in place of HTCondor's own script, and its prepare hook."""
