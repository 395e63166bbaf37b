"""All programs that the demo starts, in one little program: each answers at once, and well.

It stands for Python, for Prometheus and for Alertmanager, by the name with which it is called. The variable
FAKE_FAMILY has words that say what is wrong: `no-domains`, `no-libvirt`, `dies:NAME` (once it was asked),
`refuses:NAME`, `nothing-found`, `not-silenced`.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

WRONG: Final = os.environ.get("FAKE_FAMILY", "").split()
SUCCESS: Final = {"outcome": "success", "accepted_s": {"built": 1.0}, "phases": {"deleted": 1.0, "gone": 1.0}}
ANSWERS: Final[Mapping[str, Any]] = {
    "/api/v1/query": {"data": {"result": [{"metric": {"zone": "edge"}, "value": [0, "0.5"]}]}},
    "/api/v1/probes": {"probes": [{"name": "boot", "cloud": "demo", "runs": [SUCCESS]}]},
    "/api/v2/alerts": [
        {"labels": {"alertname": "StratoscopeHostDown", "host": "cn11"}, "status": {"silencedBy": ["1"]}}
    ],
}
EMPTY: Final[Mapping[str, Any]] = {**ANSWERS, "/api/v1/query": {"data": {"result": []}}}


def flag(words: Sequence[str], name: str) -> str:
    return next((word.partition("=")[2] for word in words if word.startswith(f"--{name}=")), "")


def serve(name: str, words: Sequence[str]) -> None:
    """Answer until SIGTERM."""
    is_empty = "nothing-found" in WRONG

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = EMPTY.get(path) if is_empty else ANSWERS.get(path)
            if path == "/api/v2/alerts" and "not-silenced" in WRONG:
                found = []
            content = b"amtool" if found is None else json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            if f"dies:{name}" in WRONG:
                os._exit(3)

        do_POST = do_GET  # noqa: N815 - a name of BaseHTTPRequestHandler

        def log_message(self, *_: object) -> None:
            """It says nothing."""

    host, _, port = flag(words, "web.listen-address").partition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    for host in ("cn04", "cn09") if flag(words, "write-hosts") else ():
        write(Path(flag(words, "write-hosts")) / host, "hypervisor.yml", {})
    if config := flag(words, "write-config"):
        Path(config).write_text("clouds: []\n")
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
        write(output, "meta.yml", {"groups": [{"name": "meta", "rules": rules}]})
    elif name == "files":
        document = {"route": {"receiver": "a"}, "inhibit_rules": [], "receivers": [{"name": "a"}]}
        write(output / "alertmanager", "alertmanager.yml", document)
    elif name == "downtime" and words[0] == "add":
        print(json.dumps({"id": "d1"}))  # noqa: T201 - that is its answer
    else:
        serve(name, words)


if __name__ == "__main__":
    main(Path(sys.argv[0]).name, sys.argv[1:])
