"""`python flood.py TAP` sends the smallest frames to a VM, as fast as it can, until it is ended.

They go to all, and have a protocol that nobody has.
"""

import socket
import sys
from contextlib import suppress

FRAME = b"\xff" * 6 + b"\x02\0\0\0\0\1" + b"\x88\xb5" + bytes(46)


def main() -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind((sys.argv[1], 0))
        while True:
            with suppress(OSError):  # the queue of the tap is full
                out.send(FRAME)


if __name__ == "__main__":
    main()
