"""Make the running HTCondor apply the snippet."""
