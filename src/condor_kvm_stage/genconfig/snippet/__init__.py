"""What HTCondor is told: the values of the snippet, its text, and the file."""
