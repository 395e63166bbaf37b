"""What an operator sees when services of the cloud die, hang or fall silent, and that it passes."""

import signal
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.conftest import RunningExporter
from integration.openstack.exporters import QUICK, configuration, running, wait_for_page
from integration.openstack.openstack_cli import Cli
from integration.openstack.outages import hung, killed, silent
from support.series import Page, read

pytestmark = pytest.mark.integration

OF_NOVA = ("compute_services", "servers", "hypervisors", "compute_quotas")
OF_OTHERS = ("network_agents", "ports", "volumes", "volume_backends", "images", "projects")
ASKED = (*OF_NOVA, *OF_OTHERS, "endpoints")
SCRAPE_S = 1
"""No page takes longer, whatever the cloud does."""
MAX_AGE_S = 15
DOWN_TIME_S = 20
"""After so long without a report Nova and Neutron call a service down; see scripts/cloud/templates."""
REFRESH_S = 5
NAMES_S = 60
"""For so long one answer of Keystone's serves all who ask for projects."""
LAST_SUCCESS = "stratoscope_collector_last_success_timestamp_seconds"


@contextmanager
def watching(folder: Path, collectors: Iterable[str] = ASKED) -> Iterator[RunningExporter]:
    """An exporter that asks every 5 s."""
    # The budget must not be what makes it slow.
    budget = {"concurrency": 16, "requests_per_second": 100, "timeout": "4s"}
    config = configuration(collectors=dict.fromkeys(collectors, QUICK), budget=budget)
    with running(folder, config) as exporter:
        yield exporter


def scrape(exporter: RunningExporter) -> Page:
    began = time.monotonic()
    text = exporter.get()
    assert time.monotonic() - began < SCRAPE_S
    return read(text)


def succeeding(collectors: Iterable[str], ours: Page) -> bool:
    return all(ours.success(collector) == 1 for collector in collectors)


def check_others_go_on(exporter: RunningExporter, timeout_s: float = 20) -> None:
    """The collectors of the other services succeed again and again."""
    before = scrape(exporter).by(LAST_SUCCESS, "collector")
    went_on = wait_for_page(
        exporter,
        lambda ours: all(
            ours.by(LAST_SUCCESS, "collector")[one] > before[one] + REFRESH_S for one in OF_OTHERS
        ),
        "collectors of other services go on",
        timeout_s,
    )
    assert succeeding(OF_OTHERS, went_on)


def check_all_recover(exporter: RunningExporter, timeout_s: float = 40) -> None:
    ours = wait_for_page(exporter, lambda ours: succeeding(ASKED, ours), "all collectors recover", timeout_s)
    assert set(ours.by("endpoint_up", "service").values()) <= {0, 1}
    wait_for_page(
        exporter,
        lambda ours: set(ours.by("endpoint_up", "service").values()) == {1},
        "all endpoints are up",
        timeout_s,
    )


def test_a_keystone_killed_amid_refreshes_hides_nothing_at_once_and_all_recover(tmp_path: Path) -> None:
    with watching(tmp_path) as exporter:
        first = scrape(exporter)
        vms = len(first.all("vm_info"))
        assert vms >= 12
        with killed("keystone"):
            ours = wait_for_page(
                exporter, lambda ours: ours.value("endpoint_up", service="identity") == 0, "it is seen", 15
            )
            assert len(ours.all("vm_info")) == vms, "what was last seen is still young enough"
            # The services ask Keystone about each token, and cannot any more.
            ours = wait_for_page(exporter, lambda ours: ours.success("servers") == 0, "Nova refuses", 30)
            assert ours.errors("servers", "internal") == 0
            ours = wait_for_page(
                exporter, lambda ours: not ours.all("vm_info"), "old data vanish", MAX_AGE_S + 15
            )
            assert ours.all("vms") == [], "no invented zero"
        check_all_recover(exporter)
        ours = scrape(exporter)
        assert len(ours.all("vm_info")) == vms
        assert (ours.value("stratoscope_cloud_logins_total", result="ok") or 0) <= 3


def test_a_nova_that_is_down_costs_its_own_collectors_alone(tmp_path: Path) -> None:
    with watching(tmp_path) as exporter:
        with killed("nova"):
            ours = wait_for_page(
                exporter,
                lambda ours: not any(ours.success(collector) for collector in OF_NOVA),
                "Nova's collectors fail",
                20,
            )
            for collector in OF_NOVA:
                assert ours.errors(collector, "unavailable") >= 1, collector
                assert ours.errors(collector, "internal") == 0, collector
            check_others_go_on(exporter)
            assert scrape(exporter).value("endpoint_up", service="compute") == 0
            assert scrape(exporter).value("endpoint_up", service="network") == 1
        check_all_recover(exporter)


def test_a_nova_that_hangs_is_a_timeout_of_its_own_collectors_alone(tmp_path: Path) -> None:
    with watching(tmp_path) as exporter:
        with hung("nova"):
            ours = wait_for_page(
                exporter,
                lambda ours: all(ours.errors(collector, "timeout") for collector in OF_NOVA),
                "Nova's collectors fail",
                30,
            )
            check_others_go_on(exporter)
            ours = wait_for_page(
                exporter, lambda ours: not ours.all("vm_info"), "old data vanish", MAX_AGE_S + 15
            )
            assert ours.value("endpoint_up", service="compute") == 0
            assert ours.value("endpoint_up", service="block-storage") == 1
            assert (ours.value("stratoscope_cloud_requests_in_flight") or 0) <= 16
        check_all_recover(exporter)


def test_sigterm_ends_the_exporter_within_2_s_while_nova_hangs(tmp_path: Path) -> None:
    with watching(tmp_path) as exporter, hung("nova"):
        time.sleep(REFRESH_S + 1)  # collections are under way
        began = time.monotonic()
        exporter.process.send_signal(signal.SIGTERM)
        assert exporter.process.wait(10) == 0
        assert time.monotonic() - began < 2
        log = exporter.log.read_text()
        assert "Traceback" not in log
        assert "level=critical" not in log


def test_a_dead_nova_compute_and_a_silent_agent_are_seen_as_soon_as_the_cloud_says_so(
    tmp_path: Path,
) -> None:
    compute = {"binary": "nova-compute", "host": "compute3"}
    agent = {"binary": "neutron-openvswitch-agent", "host": "compute2"}
    collectors = ("compute_services", "hypervisors", "network_agents")
    with watching(tmp_path, collectors) as exporter:
        ours = scrape(exporter)
        assert ours.value("service_up", **compute) == ours.value("service_up", **agent) == 1
        with killed("compute3"), silent("compute2:neutron-openvswitch-agent"):
            # Both report every 5 s, so that the last report may be that old.
            ours = wait_for_page(
                exporter,
                lambda ours: ours.value("service_up", **compute) == ours.value("service_up", **agent) == 0,
                "both are down",
                DOWN_TIME_S + 2 * REFRESH_S + 2,
            )
            down = [have for have, value in ours.all("service_up") if value == 0]
            assert len(down) == 2, down
            assert ours.value("service_enabled", **compute) == ours.value("service_enabled", **agent) == 1
            heartbeat = ours.value("service_heartbeat_timestamp_seconds", **compute)
            assert heartbeat is not None
            assert DOWN_TIME_S <= time.time() - heartbeat < 60
            ours = wait_for_page(
                exporter,
                lambda ours: ours.by("host_state", "state", host="compute3") == {"up": 0, "down": 1},
                "the host is down",
                2 * REFRESH_S,
            )
            assert ours.by("host_state", "state", host="compute1") == {"up": 1, "down": 0}
        wait_for_page(
            exporter,
            lambda ours: 0 not in [value for _, value in ours.all("service_up")],
            "both are up again",
            40,
        )


def test_projects_deleted_while_their_quotas_are_read_vanish_without_an_error(
    tmp_path: Path, cli: Cli
) -> None:
    quotas = ("compute_quotas", "network_quotas", "volume_quotas")
    names = [f"doomed-{number}" for number in range(3)]
    ids = {cli.ask("project", "create", name)["id"] for name in names}
    left = set(ids)
    try:
        with watching(tmp_path, ("projects", *quotas)) as exporter:
            ours = scrape(exporter)
            assert ids <= set(ours.by("project_enabled", "project_id"))
            for one in sorted(ids):
                cli.do("project", "delete", one)  # each takes a second or so: quotas are read meanwhile
                left.remove(one)
            ours = wait_for_page(
                exporter,
                lambda ours: not ids & {have["project_id"] for have, _ in ours.all("quota_used")},
                "their quotas vanish",
                NAMES_S + 30,
            )
            assert not ids & set(ours.by("project_enabled", "project_id"))
            ours = wait_for_page(exporter, lambda ours: are_all_known(ours, quotas), "all are read", NAMES_S)
            for collector in quotas:
                assert ours.success(collector) == 1
                assert ours.errors(collector, "malformed") == 0
            assert succeeding(quotas, ours)
    finally:
        for one in left:
            cli.do("project", "delete", one)


def are_all_known(ours: Page, quotas: Collection[str]) -> bool:
    """Whether the quotas of every project there is have been read, and of no other."""
    known, there = (ours.by(f"spread_{what}items", "collector") for what in ("known_", ""))
    return all(known[collector] == there[collector] for collector in quotas)
