"""Log-ins: tokens that are revoked or expire, a wrong password, a cloud that clouds.yaml does not know."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cloud import services
from cloud.configuration import PASSWORD
from cloud.folder import CLOUDS, ETC

from integration.conftest import RunningExporter
from integration.openstack.exporters import QUICK, command, configuration, running, wait_for_page
from integration.openstack.openstack_cli import Cli
from integration.openstack.outages import Log, start
from integration.virsh import stopped
from support.series import Page, read

pytestmark = pytest.mark.integration

LOGIN = "POST /v3/auth/tokens"
LIFE_S = 40
WRONG = "no-such-password"
ASKED = ("servers", "compute_services", "network_agents", "ports", "volumes", "volume_services", "projects")


def logins(ours: Page, result: str = "ok") -> float:
    return ours.value("stratoscope_cloud_logins_total", result=result) or 0


def errors(ours: Page) -> float:
    return sum(value for _, value in ours.all("stratoscope_collector_errors_total"))


@contextmanager
def short_lived_tokens() -> Iterator[None]:
    """Keystone's tokens live for 40 s."""
    file = ETC / "keystone.conf"
    before = file.read_text()
    changed = before.replace("expiration = 3600", f"expiration = {LIFE_S}")
    assert changed != before
    try:
        restart_keystone_with(file, changed)
        yield
    finally:
        restart_keystone_with(file, before)


def restart_keystone_with(file: Path, text: str) -> None:
    file.write_text(text)
    services.stop("keystone")
    start("keystone")


def test_a_revoked_token_costs_one_new_log_in_and_no_failure(tmp_path: Path, cli: Cli) -> None:
    with running(tmp_path, configuration(collectors=dict.fromkeys(ASKED, QUICK))) as exporter:
        assert logins(read(exporter.get())) == 1
        # Keystone revokes what it gave in the same second, too: nobody logs in during that one.
        with stopped(exporter.process.pid):
            cli.do("user", "set", "--password", PASSWORD, "admin")
            time.sleep(1.1)
        ours = wait_for_page(exporter, lambda ours: logins(ours) > 1, "it logs in anew", 30)
        time.sleep(12)
        ours = read(exporter.get())
        assert all(ours.success(collector) == 1 for collector in ASKED)
        assert logins(ours) in (2, 3), "one for all; one of the same second is revoked, too"
        assert ours.requests(code="401") >= 1
        errors_by_reason = ours.all("stratoscope_collector_errors_total")
        late = {labels["reason"]: value for labels, value in errors_by_reason if value}
        assert late.keys() <= {"timeout"}, "what was under way when the process stopped may be late"
        assert sum(late.values()) <= len(ASKED), "once"


@pytest.mark.full
def test_tokens_are_renewed_before_they_expire(tmp_path: Path) -> None:
    with short_lived_tokens():
        config = configuration(collectors=dict.fromkeys(ASKED, QUICK))
        with running(tmp_path, config) as exporter:
            time.sleep(LIFE_S + 15)
            ours = read(exporter.get())
            assert 2 <= logins(ours) <= 3
            assert errors(ours) == 0
            refused = ours.all("stratoscope_cloud_requests_total", code="401")
            assert refused == []
            expires = ours.value("stratoscope_cloud_token_expires_timestamp_seconds")
            assert expires is not None
            assert time.time() < expires <= time.time() + LIFE_S


@dataclass(frozen=True)
class Refused:
    """An exporter with a wrong password, Keystone's log since its start, and that moment."""

    exporter: RunningExporter
    keystone: Log
    began: float


@pytest.fixture(scope="module", autouse=True)
def refused(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refused]:
    """It runs beside the other tests of this module, so that its time costs less."""
    folder = tmp_path_factory.mktemp("refused")
    clouds = json.loads(CLOUDS.read_text())
    clouds["clouds"]["admin"]["auth"]["password"] = WRONG
    file = folder / "clouds.yaml"
    file.write_text(json.dumps(clouds))
    keystone = Log("keystone")
    config = configuration(clouds_file=str(file), collectors=dict.fromkeys(ASKED, QUICK))
    with running(folder, config) as exporter:
        yield Refused(exporter, keystone, time.monotonic())


@pytest.mark.parametrize("within_s", [30, pytest.param(60, marks=pytest.mark.full)])
def test_a_wrong_password_is_one_request_and_one_line(refused: Refused, within_s: float) -> None:
    """So long many collectors each want a token every 5 s."""
    time.sleep(max(0, refused.began + within_s - time.monotonic()))
    ours = read(refused.exporter.get())
    assert logins(ours, "refused") == 1
    assert logins(ours) == 0
    for collector in ASKED:
        assert ours.errors(collector, "unauthorized") >= within_s / 12, collector
    assert ours.all("vm_info") == []
    said = refused.exporter.log.read_text()
    assert len(refused.keystone.lines(LOGIN, "HTTP/1.1 401")) == 1
    complaints = [line for line in said.splitlines() if "level=info" not in line]
    assert len(complaints) == 1, complaints
    assert "log-in refused" in complaints[0]
    assert WRONG not in said
    assert "Traceback" not in said


def test_an_unknown_cloud_ends_the_start_and_names_the_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "stratoscope.yml"
    file.write_text(configuration("nowhere"))
    done = subprocess.run(command(file), capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    warning, line = done.stderr.splitlines()
    assert "every user of this machine can read a secret" in warning  # clouds.yaml of a lab
    assert "nowhere" in line
    for known in ("admin", "exporter", "user1"):
        assert known in line
    assert PASSWORD not in line


def test_an_unknown_region_ends_the_start_and_names_the_known_one(tmp_path: Path) -> None:
    file = tmp_path / "stratoscope.yml"
    file.write_text(configuration(region="RegionTwo"))
    done = subprocess.run(command(file), capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "RegionTwo" in done.stderr
    assert "RegionOne" in done.stderr
