"""Ports of loopback for programs that are given one, since they do not choose it themselves."""

import random
import socket
from contextlib import suppress


def free_port() -> int:
    """One that no connection takes meanwhile: it is below those that the kernel gives away."""
    while True:
        port = random.randrange(15_000, 32_000)  # noqa: S311 - it is no secret
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
