"""What the exporter costs the cloud, and what Prometheus makes of its page."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from cloud.ports import free_port

from integration.openstack.exporters import configuration, running
from integration.openstack.outages import Log
from support.pages import promtool_findings
from support.series import Page, read

pytestmark = pytest.mark.integration

PROMETHEUS = Path(__file__).parents[3] / "build" / "tools" / "usr" / "bin" / "prometheus"
SPREAD = ("inventories", "os-quota-sets", "quotas")
"""Operations that are made item by item, at a stated rate."""
PER_SECOND, CONCURRENCY = 4, 2
WATCHED_S = 15
EVERYTHING = (
    *("endpoints", "compute_services", "servers", "hypervisors", "inventories", "capacity", "projects"),
    *("compute_quotas", "network_quotas", "volume_quotas", "network_agents", "ports", "routers"),
    *("floating_ips", "networks", "addresses", "volume_services", "volume_backends", "volumes", "snapshots"),
    *("backups", "images"),
)


def spread_requests(ours: Page) -> float:
    return sum(ours.requests(operation=operation) for operation in SPREAD)


def test_a_refresh_of_everything_costs_less_than_60_requests(admins: Page) -> None:
    assert ours_aside(admins) <= 60
    assert admins.requests(service="identity", operation="auth_tokens", code="201") == 1
    assert admins.requests(operation="servers") == 1
    lists = ("ports", "routers", "floatingips", "volumes", "snapshots", "agents", "users", "projects")
    for operation in lists:
        assert admins.requests(operation=operation) == 1, operation


def ours_aside(ours: Page) -> float:
    """All requests, those that are spread aside."""
    return ours.requests() - spread_requests(ours)


def test_requests_stay_within_the_budget_as_the_services_own_logs_tell(tmp_path: Path) -> None:
    logs = {"compute": Log("nova"), "network": Log("neutron"), "block-storage": Log("cinder")}
    budget = {"requests_per_second": PER_SECOND, "concurrency": CONCURRENCY, "timeout": "10s"}
    slow = {"interval": "5s", "timeout": "60s", "max_age": "90s"}
    config = configuration(collectors=dict.fromkeys(EVERYTHING, slow), budget=budget)
    in_flight = []
    with running(tmp_path, config, is_ready=False) as exporter:
        began = time.monotonic()
        while time.monotonic() - began < WATCHED_S:
            time.sleep(0.5)
            if exporter.is_ready() or time.monotonic() - began > 5:
                ours = read(exporter.get())
                in_flight.append(ours.value("stratoscope_cloud_requests_in_flight") or 0)
        took_s = time.monotonic() - began
    assert ours.value("stratoscope_cloud_budget_requests_per_second") == PER_SECOND
    assert ours.value("stratoscope_cloud_budget_concurrency") == CONCURRENCY
    # One second's worth at once, then so many a second.
    assert 0.5 * PER_SECOND * took_s < ours.requests() <= PER_SECOND * (took_s + 1) + CONCURRENCY
    assert max(in_flight) <= CONCURRENCY
    for service, log in logs.items():
        seen = len(
            [line for line in log.lines("[pid: ", "] 127.0.0.1 (", " => generated ") if " GET " in line]
        )
        assert seen >= ours.requests(service=service), "the services count no less than we say"


def test_promtool_finds_nothing_against_a_page_of_the_real_cloud(tmp_path: Path) -> None:
    with running(tmp_path, configuration()) as exporter:
        assert promtool_findings(exporter.get()) == ""


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[str]:
    """A Prometheus that scrapes the target each second; its URL."""
    config = folder / "prometheus.yml"
    scrape = {"job_name": "management", "static_configs": [{"targets": [target]}]}
    config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [scrape]}))
    address = f"127.0.0.1:{free_port()}"
    flags = [
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    with subprocess.Popen(
        [PROMETHEUS, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


def answer(url: str, query: str) -> list[dict[str, Any]]:
    try:
        with urlopen(f"{url}/api/v1/query?{urlencode({'query': query})}", timeout=5) as response:  # noqa: S310 - http://127.0.0.1 only
            found: list[dict[str, Any]] = json.load(response)["data"]["result"]
            return found
    except (URLError, ConnectionError):
        return []


def test_a_real_prometheus_stores_every_series_and_joins_names(tmp_path: Path) -> None:
    with running(tmp_path, configuration()) as exporter:
        ours = read(exporter.get())
        with prometheus(tmp_path, exporter.url.removeprefix("http://")) as url:
            deadline = time.monotonic() + 30
            while not answer(url, 'count_over_time(up{job="management"}[1m]) > 2'):
                assert time.monotonic() < deadline, "Prometheus does not scrape"
                time.sleep(0.5)
            assert answer(url, "up")[0]["value"][1] == "1"
            stored = answer(url, 'count({__name__=~"stratoscope_management_.+"})')
            expected = sum(name.startswith("stratoscope_management_") for name, _ in ours.samples)
            assert float(stored[0]["value"][1]) == expected
            of_projects = answer(
                url,
                "stratoscope_management_project_vms * on (cloud, project_id) group_left (project_name)"
                " stratoscope_management_project_info",
            )
            by_name = {one["metric"]["project_name"]: float(one["value"][1]) for one in of_projects}
            assert by_name == {
                f"project{n}": number for n, number in zip(range(1, 6), (4, 3, 2, 2, 1), strict=True)
            }
