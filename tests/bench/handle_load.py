"""Asks for one path after the other over a few connections that are kept, and checks each answer.

`python handle_load.py PORT AUTHORIZATION SECONDS PATH[=WANTED] ...` prints the answers per second.
"""

import selectors
import socket
import sys
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Final

CONNECTIONS: Final = 8
_MOST: Final = 65_536
_OK: Final = b"HTTP/1.1 200"


def rate(port: int, authorization: str, seconds: float, paths: Sequence[str]) -> float:
    """Answers per second. Args: paths: With what their answers have, after `=`; all in turn."""
    turns = cycle([_request(authorization, path) for path in paths])
    answers, ends = 0, time.perf_counter() + seconds
    waiting: dict[socket.socket, bytes] = {}
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, connection)
            request, waiting[connection] = next(turns)
            connection.sendall(request)
        while time.perf_counter() < ends:
            for key, _ in selector.select(60):
                connection = key.data
                answer = connection.recv(_MOST)  # a few hundred bytes, which come at once
                if not answer.startswith(_OK) or waiting[connection] not in answer:
                    raise RuntimeError(f"{waiting[connection]!r} is not in {answer!r}")
                answers += 1
                request, waiting[connection] = next(turns)
                connection.sendall(request)
        for connection in waiting:
            connection.close()
    return answers / seconds


def _request(authorization: str, path: str) -> tuple[bytes, bytes]:
    path, _, wanted = path.partition("=")
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n"
    return head.encode(), wanted.encode()


if __name__ == "__main__":
    _, its_port, its_authorization, its_seconds, *its_paths = sys.argv
    print(rate(int(its_port), its_authorization, float(its_seconds), its_paths))
