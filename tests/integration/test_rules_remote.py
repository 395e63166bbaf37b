"""Past one Prometheus: what it writes to another database is the same there, and two can share the hosts.

Time goes faster, see support/faster_rules.py. All of them watch the same cloud, in which nothing happens.
"""

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

import pytest
import yaml

from stratoscope.rules import bundle
from stratoscope.rules.values import Values, Watched
from support import steady_cloud
from support.debian import ROOT
from support.faster_rules import faster, looks_back
from support.patience import FAR_S
from support.prometheus_process import Answering, Found, Prometheus, VictoriaMetrics
from support.steady_prometheus import FACTOR, FULL_S

pytestmark = pytest.mark.integration

SHARDS: Final = ("0", "1")
LATE_S: Final = 3
"""After which everything is written, on a machine that is not busy."""
QUEUE: Final = {"batch_send_deadline": "1s", "max_shards": 1}
"""One queue that writes: of several, one can be late alone while Prometheus changes their number."""
TEXTS: Final = bundle.files(Values(watched=Watched(projects=["p0", "p1"])))
IS_OF_RATES: Final = re.compile(
    "rate|increase|mean5m|contention|age_seconds|ahead|since_scrape|glance|^slo:|^Stratoscope"
)
OF_RATES: Final = 0.02
OF_INCREASES: Final = 0.15
"""VictoriaMetrics counts from sample to sample: one more or less of the seven in 15 min, at the factor."""
OF_OTHERS: Final = 1e-9
"""How much may differ: of others only what VictoriaMetrics rounds, which keeps 14 digits or so."""
TRIES: Final = 8
"""On a busy machine a sample comes too late for a window, which makes a rate wrong for a moment."""
IS_OF_HOURS: Final = re.compile(
    "yesterday|today|24h|rate(6h|1d|3d|30d)|slo:period_|disagreement:(since|lasting)$"
)
"""Over more time than the test has: of two Prometheis, the one that began earlier has more."""
OF_ONE_SHARD: Final = {"vm:stratoscope_contention:verdict": 'vm_id!="vm0"'}
"""What is compared of a record that is another one for a VM which migrates between the shards."""
EXCEPTIONS: Final = {"bookworm": {"vm:stratoscope_hypervisor_vm_status_check_failed:max"}, "sid": set[str]()}
"""Records whose expression has another result in a VictoriaMetrics, see docs/large-sites.md."""


def rules(names: Sequence[str]) -> Mapping[str, Any]:
    """The groups of some files, of which those that count days are evaluated as often as others."""
    groups = faster({name: TEXTS[name] for name in names}, FACTOR, scraped_every_s=1)["groups"]
    for group in groups:
        if group["name"].startswith("stratoscope-availability"):
            group["interval"] = "1s"
    return {"groups": groups}


RULES: Final[Sequence[Mapping[str, Any]]] = [
    rule for group in rules([*TEXTS])["groups"] for rule in group["rules"]
]
RECORDS: Final = sorted({rule["record"] for rule in RULES if "record" in rule})


def recent(record: str, matcher: str = "") -> str:
    """Also if it is made every 20 min."""
    return f"last_over_time({record}{{{matcher}}}[{1200 / FACTOR:.0f}s])"


def config(example: str, pages: str, whole: str = "", shard: str = "0") -> dict[str, Any]:
    """An example's configuration for this cloud. Args: whole: The address that its shards write to."""
    text = (ROOT / "prometheus" / example).read_text(encoding="utf-8")
    found = yaml.safe_load(text.replace('"0"', f'"{shard}"').replace("monitoring:9090", whole))
    found["global"] |= dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s")
    del found["alerting"]
    found["scrape_configs"] = [one for one in found["scrape_configs"] if one["job_name"] != "prometheus"]
    for scrape in found["scrape_configs"]:
        scrape.pop("scrape_interval", None)
        name = scrape["job_name"].removeprefix("stratoscope-")
        if scrape.pop("file_sd_configs", None):
            scrape["static_configs"] = [target(pages, f"/{name}/{host}", host) for host in steady_cloud.HOSTS]
        else:
            scrape["static_configs"] = [target(pages, f"/{name}", "")]
    for remote in found.get("remote_write", ()):
        remote["queue_config"] = QUEUE
        del remote["basic_auth"]  # test_rules_remote_write_password.py has it
    return found


def target(pages: str, path: str, host: str) -> Mapping[str, Any]:
    labels = {"__metrics_path__": path, "instance": path, "cloud": "uni"}
    return {"targets": [pages], "labels": labels | ({"host": host} if host else {})}


def prometheus(folder: Path, found: dict[str, Any], *flags: str) -> Prometheus:
    """With the rules that its configuration names."""
    lookback = f"--query.lookback-delta={looks_back(FACTOR, 1):.0f}s"
    names = [Path(one).name for one in found["rule_files"]]
    return Prometheus(folder, found, rules([*TEXTS] if "*.yml" in names else names), lookback, *flags)


@dataclass(frozen=True, slots=True)
class Site:
    """All that runs.

    Attributes:
        one: It has everything, and writes it to `others`.
        shards: They have the hosts, and write to `whole` what they record.
    """

    one: Prometheus
    others: Mapping[str, VictoriaMetrics]
    shards: Sequence[Prometheus]
    whole: Prometheus


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with steady_cloud.served() as pages, ExitStack() as running:
        others = {
            suite: VictoriaMetrics(folder / suite, suite, "-search.latencyOffset=1s") for suite in EXCEPTIONS
        }
        whole = prometheus(
            folder / "whole", config("sharded/whole.example.yml", pages), "--web.enable-remote-write-receiver"
        )
        alone = config("prometheus.example.yml", pages)
        alone["remote_write"] = [
            {"url": f"http://{one.address}/api/v1/write", "queue_config": QUEUE} for one in others.values()
        ]
        shards = [
            prometheus(folder / shard, config("sharded/shard.example.yml", pages, whole.address, shard))
            for shard in SHARDS
        ]
        found = Site(prometheus(folder / "one", alone), others, shards, whole)
        for process in (*others.values(), whole, *shards, found.one):
            process.start()
            running.callback(process.stop)
        wait_for(lambda: all(one.ask("up == 1") for one in (found.one, whole, *shards)))
        time.sleep(FULL_S)
        yield found


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + FAR_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)


def asked(server: Answering, query: str, at: float) -> Found:
    """The values at a moment, without the names of the records."""
    step = f"{looks_back(FACTOR, 1):.0f}s"
    found = server.ask(query, time=f"{at:.3f}", step=step)
    return {
        frozenset(pair for pair in labels if pair[0] != "__name__"): value for labels, value in found.items()
    }


def what_differs(name: str, one: Found, other: Found, tolerance: float) -> Iterator[str]:
    for labels in one.keys() | other.keys():
        values = one.get(labels, math.nan), other.get(labels, math.nan)
        if not math.isclose(*values, rel_tol=tolerance):
            yield f"{name} {dict(labels)}: {values[0]}, {values[1]}"


def tolerance(record: str) -> float:
    return OF_RATES if IS_OF_RATES.search(record) else OF_OTHERS


def agree(compare: Callable[[float], Iterator[str]]) -> None:
    """Asserts that nothing differs at one of some moments, of which each gets more time to be written."""
    for tried in range(1, TRIES + 1):
        at = time.time()
        time.sleep(LATE_S * tried)
        if not (found := sorted(compare(at))):
            return
    raise AssertionError("\n".join(found))


NOTHING: Final = {
    "cloud:stratoscope_downtime_planned:max",
    "cloud:stratoscope_glance:in_downtime",
    "cloud:stratoscope_management_orphaned:growth1d",
    "collector:stratoscope_collector_last_success_age:intervals",
    "collector:stratoscope_collector_success:failing",
    "endpoint:stratoscope_management_endpoint_up:gone",
    "flavor:stratoscope_management_flavor_room_vms:filling_up",
    "flavor:stratoscope_management_flavor_room_vms:full",
    "host:stratoscope_hypervisor_host_oom_kills:increase15m_memory_low",
    "host:stratoscope_management_host_wanted:gone",
    "host_pool:stratoscope_hypervisor_host_pool_available_bytes:ratio_nearly_full",
    "instance:prometheus_tsdb_lowest_timestamp_seconds:age_after_deletion",
    "instance:stratoscope_build_info:known",
    "instance:stratoscope_build_info:last1d",
    "instance:stratoscope_cloud_budget_concurrency:gone",
    "instance:stratoscope_collector_errors:increase15m_unauthorized",
    "network:stratoscope_management_network_addresses_used:ratio_external",
    "probe:stratoscope_vmprobe_interval_seconds:rate_backing_off",
    "service:stratoscope_management_service_wanted:gone",
    "vm:stratoscope_hypervisor_vm_cpu_seconds:rate5m_ratio_watched_max2h",
    "vm:stratoscope_hypervisor_vm_network_packet_bytes:mean5m_of_many",
    "vm_check:stratoscope_hypervisor_vm_status_check_failed:unknown",
}
"""No outage is planned, each check has a result, pages have no version, no collectors, nothing fails, ..."""


def test_cloud_has_something_for_each_record(site: Site) -> None:
    at = time.time()
    empty = {record for record in RECORDS if not asked(site.one, recent(record), at)}
    assert {one for one in empty if "yesterday" not in one} == NOTHING


def test_exceptions_are_documented() -> None:
    page = (ROOT / "docs/large-sites.md").read_text(encoding="utf-8")
    named = {*re.findall(r"^\| `([\w:]+)`", page, re.MULTILINE)}
    assert named >= {record for records in EXCEPTIONS.values() for record in records}


@pytest.mark.parametrize("suite", EXCEPTIONS)
def test_records_in_another_database_are_those_of_prometheus(suite: str, site: Site) -> None:
    def compare(at: float) -> Iterator[str]:
        for record in RECORDS:
            pair = [asked(one, recent(record), at) for one in (site.one, site.others[suite])]
            yield from what_differs(record, *pair, OF_OTHERS)

    agree(compare)


@pytest.mark.parametrize("suite", EXCEPTIONS)
def test_another_database_gives_the_same_result_for_their_expressions(suite: str, site: Site) -> None:
    def compare(at: float) -> Iterator[str]:
        for rule in RULES:
            name, expression = rule.get("record") or rule["alert"], rule["expr"]
            if name not in EXCEPTIONS[suite]:
                pair = [asked(one, expression, at) for one in (site.one, site.others[suite])]
                is_increase = "increase(" in expression
                yield from what_differs(name, *pair, OF_INCREASES if is_increase else tolerance(name))

    agree(compare)


def test_shards_and_the_whole_have_the_records_that_one_prometheus_has(site: Site) -> None:
    hosts = [len(one.ask('up{job="stratoscope-hypervisor"} == 1')) for one in (*site.shards, site.whole)]
    assert hosts == [2, 2, 0]

    def compare(at: float) -> Iterator[str]:
        for record in RECORDS:
            if not IS_OF_HOURS.search(record):
                query = recent(record, OF_ONE_SHARD.get(record, ""))
                merged = asked(site.whole, f"max without (shard) ({query})", at)
                yield from what_differs(record, asked(site.one, query, at), merged, tolerance(record))

    agree(compare)


def test_whole_refuses_nothing_that_its_shards_write(site: Site) -> None:
    failed = "prometheus_remote_storage_samples_failed_total"
    for shard in site.shards:
        with urlopen(f"http://{shard.address}/metrics", timeout=FAR_S) as answer:
            lines = answer.read().decode().splitlines()
        (line,) = (one for one in lines if one.startswith(f"{failed}{{"))
        assert line.endswith(" 0")
