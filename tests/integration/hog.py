"""`python hog.py RATIO` takes memory until that share of the host's is available, and holds it so.

At a line on its input it takes the rest, too. It is the first that the kernel kills.
"""

import mmap
import sys
import threading
import time
from pathlib import Path

PIECE = 8 << 20


def available() -> float:
    """The share of the host's memory."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    kib = {words[0]: int(words[1]) for words in lines}
    return kib["MemAvailable:"] / kib["MemTotal:"]


def take(held: list[mmap.mmap]) -> None:
    piece = mmap.mmap(-1, PIECE)
    piece.write(b"\1" * PIECE)
    held.append(piece)


def main() -> None:
    Path("/proc/self/oom_score_adj").write_text("1000")
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
    held: list[mmap.mmap] = []
    while True:
        while told.is_set() or available() > float(sys.argv[1]):
            take(held)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
