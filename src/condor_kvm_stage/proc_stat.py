"""Parse /proc/PID/stat (proc_pid_stat(5)). Imports nothing, because the plug-in uses it too."""

# Indexes of fields, from their numbers in the manual page. The second field, the program's name, is in parentheses and
# can contain anything, so fields() splits after it: index 0 is field 3.
STATE, PARENT, USER_TIME, SYSTEM_TIME, START_TIME = (number - 3 for number in (3, 4, 14, 15, 22))


def fields(stat: bytes) -> "list[bytes]":
    """Return the fields after the program's name, for the indexes above."""
    return stat.rpartition(b") ")[2].split()


def read(pid: "int | str") -> "list[bytes]":
    """Return the fields of a process. Raises FileNotFoundError or ProcessLookupError if there is none."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return fields(file.read())
