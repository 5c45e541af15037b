"""The HTCondor configuration snippet: its values, its text, and its file."""
