"""A Prometheus that has two projects, and requests that try to see both through a proxy that shows one."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from support.patience import FAR_S
from support.prometheus_process import QUICK, Prometheus
from support.thread_server import pages

MINE, THEIRS = "of-mine", "of-theirs"
"""The projects; also what their VMs and traces are called."""
RULES: Final[Mapping[str, Any]] = {
    "groups": [
        {
            "name": "alerts",
            "rules": [
                {
                    "alert": f"Asked-{one}",
                    "expr": f'asked_total{{project_id="{one}"}} > 0',
                    "labels": {"project_id": one},
                }
                for one in (MINE, THEIRS)
            ],
        }
    ]
}
_PAGE: Final = "\n".join(
    (
        "# TYPE asked counter",
        *(
            f'asked_total{{project_id="{one}",vm_id="vm-{one}"}} 5 # {{trace="{one}"}} 1'
            for one in (MINE, THEIRS)
        ),
        "# EOF\n",
    )
)
_OPEN_METRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ALL: Final = '{project_id=~".+"}'
_BORDER: Final = "a-border-between-fields"


@contextmanager
def watched(program: Path, folder: Path, *flags: str) -> Iterator[Prometheus]:
    """It runs. Args: program: Which Prometheus. flags: More of its flags."""
    with pages(_OPEN_METRICS) as shown:
        shown.texts["/metrics"] = _PAGE
        target = {"targets": [shown.url.removeprefix("http://")]}
        config = {**QUICK, "scrape_configs": [{"job_name": "vms", "static_configs": [target]}]}
        flags = ("--enable-feature=exemplar-storage", *flags)
        found = Prometheus(folder, config, RULES, *flags, program=program)
        found.start()
        try:
            yield found
        finally:
            found.stop()


class Way(NamedTuple):
    """How one asks. Attributes: kind: Of the body; empty without one. own: The address asks, too."""

    method: str
    kind: str
    own: bool = False

    def ask(self, url: str) -> tuple[int, str]:
        """Status and text of the answer when everything of a URL is asked for.

        Args:
            url: With a path, without parameters.
        """
        data, content = b"", ""
        in_url = _asked(f'{{project_id="{MINE}"}}') if self.own else ()
        if self.kind == "multipart":
            data, content = _multipart(_asked(_ALL)), f"multipart/form-data; boundary={_BORDER}"
        elif self.kind == "urlencoded":
            data, content = urlencode(_asked(_ALL)).encode(), "application/x-www-form-urlencoded"
        else:
            in_url = _asked(_ALL)
        headers = {"Content-Type": content} if self.kind else {}
        request = Request(f"{url}?{urlencode(in_url)}", data or None, headers, method=self.method)  # noqa: S310 - loopback
        try:
            with urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()


PLAIN: Final = Way("GET", "")
WAYS: Final = (
    PLAIN,
    *(Way(*one) for one in product(("GET", "POST"), ("multipart", "urlencoded"), (False, True))),
)


def wait_for(url: str, path: str, *texts: str) -> None:
    """Until the answer at a path has these texts."""
    until = time.monotonic() + FAR_S
    while not all(one in _text(f"{url}/{path}") for one in texts):
        assert time.monotonic() < until, (path, texts)
        time.sleep(0.1)


def _text(url: str) -> str:
    """What is there; nothing while nobody listens."""
    try:
        return PLAIN.ask(url)[1]
    except (URLError, ConnectionError):
        return ""


def _asked(selector: str) -> list[tuple[str, str]]:
    now = time.time()
    times = [("start", str(now - 60)), ("end", str(now)), ("step", "5")]
    return [("match[]", selector), ("query", selector), *times]


def _multipart(fields: list[tuple[str, str]]) -> bytes:
    parts = (
        f'--{_BORDER}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    return f"{''.join(parts)}--{_BORDER}--\r\n".encode()
