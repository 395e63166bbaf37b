"""A process whose command line cannot be read, as a QEMU's whose memory lies on storage that hangs.

`python stuck_process.py NAME FILE` calls itself NAME and maps the file. At a line on its input a thread
writes to that memory, which waits while the file system is frozen; another one takes the memory away, which
waits for the first, and holds the lock that whoever reads /proc/PID/cmdline needs.
"""

import ctypes
import mmap
import os
import sys
import threading
from pathlib import Path


def main() -> None:
    Path("/proc/self/comm").write_text(sys.argv[1])
    libc = ctypes.CDLL(None)
    file = os.open(sys.argv[2], os.O_RDWR | os.O_CREAT)
    os.ftruncate(file, mmap.PAGESIZE)
    area = mmap.mmap(file, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    area[0]  # the page is there, and to write to it needs the file system
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    writing = threading.Thread(target=libc.memset, args=(ctypes.c_void_p(address), 1, ctypes.c_size_t(64)))
    writing.start()
    writing.join(1)
    libc.munmap(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE))
    os._exit(0)


if __name__ == "__main__":
    main()
