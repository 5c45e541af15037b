"""The file transfer plug-in: what runs for every job, as the job's user.

It starts thousands of times, so start-up time rules here: no package outside the standard library, and of
that only modules that cost nothing to import (posix, sys, stat, errno, fcntl, marshal, time, select). No re,
subprocess, dataclasses, typing, pathlib, argparse or contextlib: each takes from a third as long as starting the
interpreter (contextlib) to almost twice as long (dataclasses). Nor os, which takes 3 of a staging's 22 ms, of the
processor's time a seventh: posix has the same functions, those of the system alone, and errors.py os.fsencode()'s.
What is seldom needed is imported where it is. A unit test holds this list.
"""
