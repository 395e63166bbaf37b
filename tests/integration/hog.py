"""`python hog.py RATIO` takes memory until that share of the host's is available, says so, and holds it so.

It is the first that the kernel kills.
"""

import mmap
import sys
import time
from pathlib import Path

PIECE = 8 << 20


def available() -> float:
    """The share of the host's memory."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    kib = {words[0]: int(words[1]) for words in lines}
    return kib["MemAvailable:"] / kib["MemTotal:"]


def fill(held: list[mmap.mmap], ratio: float) -> None:
    while available() > ratio:
        piece = mmap.mmap(-1, PIECE, mmap.MAP_PRIVATE)
        piece.write(b"\1" * PIECE)
        held.append(piece)


def main() -> None:
    Path("/proc/self/oom_score_adj").write_text("1000")
    held: list[mmap.mmap] = []
    ratio = float(sys.argv[1])
    fill(held, ratio)
    sys.stdout.write("taken\n")
    sys.stdout.flush()
    while True:
        time.sleep(0.05)
        fill(held, ratio)


if __name__ == "__main__":
    main()
