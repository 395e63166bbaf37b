"""All programs that the demo starts, in one little program: each answers at once, and well.

It stands for Python, for Prometheus and for Alertmanager, by the name with which it is called. The variable
FAKE_FAMILY has words that say what is wrong: `no-domains`, `no-libvirt`, `dies:NAME` (once it is used),
`refuses:NAME`, `nothing-found`, `nothing-recorded` (though what is read is there), `not-silenced`.
In the half second after the first query: `late` (nothing is found). To the first query alone:
`slow` (no answer, until the asker goes) and `broken` (nonsense).
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from xmlrpc.client import dumps

WRONG: Final = os.environ.get("FAKE_FAMILY", "").split()
SUCCESS: Final = {"outcome": "success", "accepted_s": {"built": 1.0}, "phases": {"deleted": 1.0, "gone": 1.0}}
LABELS: Final = {"zone": "edge", "cloud": "demo", "project_id": "p1", "vm_id": "v1"}
ANSWERS: Final[Mapping[str, Any]] = {
    "/api/v1/query": {"data": {"result": [{"metric": LABELS, "value": [0, "0.5"]}]}},
    "/api/v1/probes": {"probes": [{"name": "boot", "cloud": "demo", "runs": [SUCCESS]}]},
    "/api/v2/alerts": [
        {"labels": {"alertname": "StratoscopeHostDown", "host": "cn11"}, "status": {"silencedBy": ["1"]}}
    ],
}
OF_OTHERS: Final = ("prometheus", "alertmanager")
NOTHING: Final[Mapping[str, Any]] = {"data": {"result": []}}
QUERY: Final = "/api/v1/query"
BEGINNING_S: Final = 0.5
ONED: Final = dumps(([True, "<HOST><VMS><ID>7</ID></VMS></HOST>", 0],), methodresponse=True).encode()
QUERIED: Final[list[float]] = []
"""When there was a query."""


def flag(words: Sequence[str], name: str) -> str:
    return next((word.partition("=")[2] for word in words if word.startswith(f"--{name}=")), "")


def answer(path: str, query: str) -> bytes:
    """What is answered, in time or not."""
    found = ANSWERS.get(path)
    if path == "/api/v2/alerts" and "not-silenced" in WRONG:
        found = [{**one, "status": {"silencedBy": []}} for one in ANSWERS[path]]
    if path == QUERY:
        QUERIED.append(time.monotonic())
        is_early = QUERIED[-1] < QUERIED[0] + BEGINNING_S
        is_read = "offset" in query
        if (
            "nothing-found" in WRONG
            or ("nothing-recorded" in WRONG and not is_read)
            or ("late" in WRONG and is_early)
        ):
            found = NOTHING
        if len(QUERIED) == 1 and "broken" in WRONG:
            return b"nonsense"
    return b"amtool" if found is None else json.dumps(found).encode()


def serve(name: str, words: Sequence[str]) -> None:
    """Answer until SIGTERM."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = ONED if self.path == "/RPC2" else answer(*self.path.partition("?")[::2])
            if self.path.startswith(QUERY) and len(QUERIED) == 1 and "slow" in WRONG:
                self.rfile.read()
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/xml" if content is ONED else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if f"dies:{name}" in WRONG and (name not in OF_OTHERS or self.path.startswith("/api/")):
                os._exit(3)

        do_POST = do_GET  # noqa: N815 - a name of BaseHTTPRequestHandler

        def log_message(self, *_: object) -> None:
            """It says nothing."""

    host, _, port = flag(words, "web.listen-address").partition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    for host in ("cn05", "cn09") if flag(words, "write-hosts") else ():
        write(Path(flag(words, "write-hosts")) / host, "hypervisor.yml", {})
    if config := flag(words, "write-config"):
        Path(config).write_text('clouds: [{"name": "demo"}]\n')
    server.serve_forever()


def write(folder: Path, name: str, document: object) -> None:
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps(document))


def main(name: str, words: Sequence[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    if words[0] == "-c":
        if "no-libvirt" in WRONG:
            sys.exit("libvirt.libvirtError: Failed to connect socket")
        print(0 if "no-domains" in WRONG else 2)  # noqa: T201 - that is its answer
        return
    if words[0] == "-m":
        name, words = words[2], words[3:]
    if f"refuses:{name}" in WRONG:
        sys.exit(f"{name}: no")
    output = Path(flag(words, "output"))
    if name == "rules":
        rules = [{"alert": "StratoscopeWatchdog", "expr": "vector(1)", "for": "3m"}]
        write(output, "meta.yml", {"groups": [{"name": "meta", "interval": "1m", "rules": rules}]})
    elif name == "downtime" and words[0] == "add":
        print(json.dumps({"id": "d1"}))  # noqa: T201 - that is its answer
    else:
        serve(name, words)


if __name__ == "__main__":
    main(Path(sys.argv[0]).name, sys.argv[1:])
