"""A way to a kube-apiserver that breaks at a request, for good."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from kube.apiserver import Apiserver

from support.patience import FAR_S
from support.thread_server import Quiet, serving

_OWN = {"connection", "content-length", "host", "accept-encoding"}


@contextmanager
def cut_off(server: Apiserver, ends_at: Callable[[str, str], bool]) -> Iterator[str]:
    """What passes requests on to the server until `ends_at` says so of one, and then none; yields its URL.

    Args:
        ends_at: Whether it breaks at a request of this method and path.
    """
    context = ssl.create_default_context(cafile=str(server.certificate))
    is_cut = False

    class Handler(Quiet):
        def _pass_on(self) -> None:
            nonlocal is_cut
            is_cut = is_cut or ends_at(self.command, self.path)
            if is_cut:
                self.close_connection = True
                return
            headers = {key: value for key, value in self.headers.items() if key.lower() not in _OWN}
            headers["Authorization"] = f"Bearer {server.token}"
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            request = Request(f"{server.url}{self.path}", body, headers, method=self.command)  # noqa: S310 - loopback
            try:
                answer = urlopen(request, context=context, timeout=FAR_S)  # noqa: S310 - loopback
            except HTTPError as error:
                answer = error
            with answer:
                self.answer(answer.status, answer.read(), answer.headers["Content-Type"])

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on  # noqa: N815 - names of BaseHTTPRequestHandler

    with serving(Handler) as url:
        yield url
