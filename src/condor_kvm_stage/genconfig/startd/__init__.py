"""Make the running HTCondor, above all its startd, use the snippet."""
