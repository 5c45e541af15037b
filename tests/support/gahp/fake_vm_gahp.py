"""A vm-gahp that starts no guest. Its arguments: what becomes of a start, and the file where it notes what it did.

ok: it succeeds. An error's name: it fails with that. die: the program ends during the start; dead: when it starts
itself. hang: the start takes for ever.
"""

from __future__ import annotations

import sys
import time


def main(start: str, notes: str) -> int:
    """Serve until QUIT or the end of the input. Returns the exit status."""
    with open(notes, "a", encoding="utf-8", buffering=1) as note:
        if start == "dead":
            return 1
        say("$VMGahpVersion 0.0.1 May 1 2007 Condor\\ VMGAHP $")
        results: list[str] = []
        in_ad = False
        for line in sys.stdin:
            command = line.split()
            note.write(line)
            if command[0] == "CLASSAD_END":
                in_ad = False
            elif in_ad:
                continue
            in_ad = command[0] == "CLASSAD"
            if command[0] == "QUIT":
                say("S")
                break
            if command[0] == "RESULTS":
                say(f"S {len(results)}")
                for result in results:
                    say(result)
                results = []
                continue
            say("S")
            if command[0] == "CONDOR_VM_START":
                if start == "die":
                    return 4
                while start == "hang":
                    time.sleep(1)
                results.append(f"{command[1]} 0 1" if start == "ok" else f"{command[1]} 1 {start}")
                say("R")
            elif command[0].startswith("CONDOR_VM_"):
                results.append(f"{command[1]} 0 0")
                say("R")
        note.write("cleaned up\n")  # it has destroyed the guest of its job's name
    return 0


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
