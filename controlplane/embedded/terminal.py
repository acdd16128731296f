"""What the supervisor tells the person at the terminal: short lines with the seconds since the start, logged too."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path


class Terminal:
    """Says sentences. Neither a terminal that has gone away nor a full disk may end the supervisor."""

    def __init__(self, log: Path | None = None) -> None:
        self.log = log
        self._began = time.monotonic()

    def say(self, sentence: str) -> None:
        line = f"{time.monotonic() - self._began:6.1f} s  {sentence}"
        with suppress(OSError):
            print(line, flush=True)
        if self.log is None:
            return
        with suppress(OSError), self.log.open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line.strip()}\n")


def fail(sentence: str) -> int:
    """One sentence on standard error; returns the exit status of a failed start."""
    print(sentence, file=sys.stderr, flush=True)
    return 1
