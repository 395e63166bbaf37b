"""Little HTTP servers in threads, for tests that block: pages, and a proxy whose clock is wrong."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class Pages:
    """Pages. Attributes: url: Where; texts: By path; where there is none, the answer is 500."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.url = ""


class WrongClock:
    """A proxy. Attributes: url: Where; ahead_s: By how much the clock of its answers is ahead of ours."""

    def __init__(self) -> None:
        self.url, self.ahead_s = "", 0.0


class Quiet(BaseHTTPRequestHandler):
    """What answers."""

    def log_message(self, *_: object) -> None:
        """It says nothing."""

    def answer(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def pages(kind: str = "application/json") -> Iterator[Pages]:
    found = Pages()

    class Handler(Quiet):
        def do_GET(self) -> None:
            text = found.texts.get(self.path)
            status = HTTPStatus.INTERNAL_SERVER_ERROR if text is None else HTTPStatus.OK
            self.answer(status, (text or "").encode(), kind)

    with serving(Handler) as found.url:
        yield found


@contextmanager
def wrong_clock(to: str) -> Iterator[WrongClock]:
    """What passes requests on to this URL, and its answers back."""
    found = WrongClock()

    class Handler(Quiet):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {"Content-Type": "application/json"}
            request = Request(f"{to}{self.path}", body, headers, method=self.command)  # noqa: S310 - loopback
            try:
                with urlopen(request) as answer:  # noqa: S310 - loopback
                    status, content = answer.status, answer.read()
            except HTTPError as error:
                with error:
                    status, content = error.code, error.read()
            self.answer(status, content)

        do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 - names of BaseHTTPRequestHandler

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + found.ahead_s)

    with serving(Handler) as found.url:
        yield found


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server with this handler; yields its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, name="server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
