"""Who may write to the whole Prometheus of shards: why docs/large-sites.md gives it a password."""

import base64
import http.client
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from support.debian import ROOT, unpacked
from support.patience import FAR_S
from support.prometheus_process import QUICK, Prometheus

pytestmark = pytest.mark.integration

PASSWORD: Final = "of-shards"  # noqa: S105 - nobody has it
HASHED: Final = 'basic_auth_users: {shard: "$2b$04$yIQ0dRbjxPBZBSD2NUqLyONWdMMee8KW1NZ15UAZuIzXbxDENEIru"}'
RECEIVES: Final = "--web.enable-remote-write-receiver"
NONE: Final[Mapping[str, Any]] = {"groups": []}
RECORDS: Final = {"groups": [{"name": "of-hosts", "rules": [{"record": "host:written:one", "expr": "1"}]}]}
NOT_SNAPPY: Final = 400
"""Prometheus has read it: only its content is wrong."""


@pytest.fixture(params=["bookworm", "sid"])
def program(request: pytest.FixtureRequest) -> Path:
    return unpacked("prometheus", request.param) / "usr/bin/prometheus"


@contextmanager
def running(prometheus: Prometheus) -> Iterator[Prometheus]:
    prometheus.start()
    try:
        wait_for_status(prometheus, "/-/ready", {200, 401})
        yield prometheus
    finally:
        prometheus.stop()


def wait_for_status(prometheus: Prometheus, path: str, statuses: set[int]) -> None:
    until = time.monotonic() + FAR_S
    while answered(prometheus, "GET", path)[0] not in statuses:
        assert time.monotonic() < until
        time.sleep(0.1)


def answered(prometheus: Prometheus, method: str, path: str, password: str = "") -> tuple[int, bytes]:
    """Status and content; 0 while nobody listens.

    What a page of another site may send without being asked for leave: bytes without a type.
    """
    headers = {"Origin": "http://another.example"}
    if password:
        headers["Authorization"] = f"Basic {base64.b64encode(f'shard:{password}'.encode()).decode()}"
    connection = http.client.HTTPConnection(prometheus.address, timeout=5)
    try:
        connection.request(method, path, b"x" if method == "POST" else None, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionError:
        return 0, b""
    finally:
        connection.close()


def test_page_of_another_site_may_write_where_there_is_no_password(program: Path, tmp_path: Path) -> None:
    flags = (RECEIVES, "--web.cors.origin=^$")
    with running(Prometheus(tmp_path / "whole", QUICK, NONE, *flags, program=program)) as whole:
        assert answered(whole, "POST", "/api/v1/write")[0] == NOT_SNAPPY


def test_who_has_the_password_alone_writes(program: Path, tmp_path: Path) -> None:
    web, secret = tmp_path / "web.yml", tmp_path / "password"
    web.write_text(HASHED)
    secret.write_text(f"{PASSWORD}\n")
    flags = (RECEIVES, f"--web.config.file={web}")
    with running(Prometheus(tmp_path / "whole", QUICK, NONE, *flags, program=program)) as whole:
        assert answered(whole, "POST", "/api/v1/write")[0] == 401
        example = yaml.safe_load((ROOT / "prometheus/sharded/shard.example.yml").read_text(encoding="utf-8"))
        (remote,) = example["remote_write"]
        assert remote["basic_auth"].keys() == {"username", "password_file"}
        remote |= {
            "url": f"{whole.url}/api/v1/write",
            "basic_auth": {**remote["basic_auth"], "password_file": str(secret)},
        }
        config = {**QUICK, "remote_write": [remote]}
        with running(Prometheus(tmp_path / "shard", config, RECORDS, program=program)):
            until = time.monotonic() + FAR_S
            while not written(whole):
                assert time.monotonic() < until
                time.sleep(0.2)


def written(whole: Prometheus) -> bool:
    _, content = answered(whole, "GET", "/api/v1/query?query=host:written:one", PASSWORD)
    return bool(json.loads(content)["data"]["result"])
