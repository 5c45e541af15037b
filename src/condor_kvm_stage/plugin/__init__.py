"""The file transfer plug-in, which runs for every job, as the job's user.

It starts thousands of times, so start-up time matters most: no package outside the standard library, and from the
library only modules that cost nothing to import (posix, sys, stat, errno, fcntl, marshal, time, select, _socket). No
re, subprocess, dataclasses, enum, typing, pathlib, argparse or contextlib: importing one takes between a third
(contextlib) and almost twice (dataclasses) of the time that the interpreter itself needs to start. Nor os, which takes
3 of a staging's 22 ms, and a seventh of its CPU time: posix has the system calls, and text.py what os.fsencode() does.
Modules that are seldom needed are imported where they are used. A unit test enforces this list. The others come from
one file (compiled.py), because to find and check a file for each of them takes a sixth of a staging's CPU time.
"""
