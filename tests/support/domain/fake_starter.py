"""What plays HTCondor's starter: the one that a guest's console ends with, and the one that takes Chirp commands."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

COOKIE = "0123456789abcdef"
# src/condor_chirp/chirp_protocol.h, src/condor_starter.V6.1/io_proxy_handler.cpp
_LONGEST_LINE, _LONGEST_EXPRESSION = 1024, 993


@dataclass
class Chirp:
    """A starter that listens. config: the file by which a job finds it. attributes: what it was told, in this order.

    lines: as they came. answer: what it says to an update that it could take. awake: cleared while it
    answers nothing. at_once: whether the job has WantRemoteUpdates.
    """

    config: Path
    answer: bytes = b"0"
    awake: threading.Event = field(default_factory=threading.Event)
    at_once: bool = False
    lines: list[bytes] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream, contextlib.suppress(OSError):
                for line in stream:
                    answer = self._answer(line.rstrip(b"\n"))
                    self.awake.wait()
                    stream.write(answer + b"\n")
                    stream.flush()
                    if answer == b"-5":
                        break

    def _answer(self, line: bytes) -> bytes:
        """As IOProxyHandler does: commands are of words, blanks in which have a backslash before them."""
        self.lines.append(line)
        if len(line) > _LONGEST_LINE:
            return b"-5"
        command, *words = _words(line.decode())
        if command == "cookie":
            return b"0" if words == [COOKIE] else b"-1"
        known = ("set_job_attr", "set_job_attr_delayed") if self.at_once else ("set_job_attr_delayed",)
        if command not in known or len(words) != 2 or f"cookie {COOKIE}".encode() not in self.lines:
            return b"-6"
        name, expression = words
        if not name.startswith("Chirp") or len(expression.encode()) > _LONGEST_EXPRESSION:
            return b"-11"
        if self.answer == b"0":
            self.attributes.append((name, expression))
        return self.answer


def _words(text: str) -> list[str]:
    words, escaped = [""], False
    for character in text:
        if escaped or not (character.isspace() or character == "\\"):
            words[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif words[-1]:
            words.append("")
    return [word for word in words if word]


@contextlib.contextmanager
def chirp(directory: Path) -> Iterator[Chirp]:
    """Listen until the end of the context. The file is made in the directory."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = directory / ".chirp.config"
        config.write_text(f"127.0.0.1 {listener.getsockname()[1]} {COOKIE}\n")
        config.chmod(0o644)
        starter = Chirp(config)
        starter.awake.set()
        thread = threading.Thread(target=starter.serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield starter
        finally:
            starter.awake.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


@dataclass
class Starter:
    """A process. gahp: the process id of its child, which plays the vm-gahp."""

    process: subprocess.Popen[str]
    gahp: int

    @property
    def pid(self) -> int:
        return self.process.pid

    def end(self) -> None:
        self.process.kill()
        self.process.wait(30)


@contextlib.contextmanager
def starter() -> Iterator[Starter]:
    """A starter with its vm-gahp, until the end of the context at the latest."""
    # each cat ends with the pipe, which ends with this process at the latest
    script = "exec 3<&0; cat <&3 > /dev/null & echo $!; exec cat <&3 > /dev/null"
    process = subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    assert process.stdout
    made = Starter(process, int(process.stdout.readline()))
    try:
        yield made
    finally:
        process.stdin.close()
        made.end()
        process.stdout.close()
