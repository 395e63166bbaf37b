"""The exporter as configured, on an OpenNebula whose oned answers what a real one did."""

import logging
import math
from pathlib import Path

import pytest

from stratoscope.core.errors import LeftOut, Reason
from support.golden import assert_golden
from support.opennebula import PLAIN, changed, seen
from support.pages import promtool_findings
from support.replayed_oned import chosen, recorded

SOME = ["6", "46", "47", "48", "49", "50", "51", "52", "53", "54", "57", "158", "257", "262"]
"""VMs of all states, owners and hosts."""
_OF_THE_MOMENT = ("latency_seconds", "stratoscope_cloud_")


async def test_oneadmin_sees_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What was recorded is older than anything that is shown of a measurement.
    monkeypatch.setattr("stratoscope.clouds.opennebula.measured.OLD_S", math.inf)
    some = {"vmpool.info": chosen(recorded("vmpool.info"), SOME)} | priced()
    statuses, shown = await seen(tmp_path, some, each_vm={"enabled": True})
    assert {name for name, status in statuses.items() if not status.success} == set()
    assert sum(status.malformed for status in statuses.values()) == 0
    assert promtool_findings(shown) == ""
    lines = [
        line for line in shown.splitlines(keepends=True) if not any(one in line for one in _OF_THE_MOMENT)
    ]
    assert_golden("management_opennebula.prom", "".join(lines))


def priced() -> dict[str, str]:
    """The template `small` with the prices that oned has as its defaults."""
    prices = {"CPU_COST": "0.5", "MEMORY_COST": "0.0002", "DISK_COST": "0.00001"}
    more = "".join(f"<{name}>{price}</{name}>" for name, price in prices.items())
    return changed("templatepool.info", ("<CPU><![CDATA[0.05]]></CPU>", f"<CPU>0.05</CPU>{more}"))


async def test_a_plain_user_leaves_out_what_it_may_not_see(tmp_path: Path) -> None:
    statuses, shown = await seen(tmp_path, PLAIN)
    left_out = {name: status.left_out for name, status in statuses.items() if status.left_out}
    assert left_out == dict.fromkeys(
        ("host_services", "host_usage", "hosts", "inventories", "vms", "migrations", "room"),
        LeftOut.UNAUTHORIZED,
    )
    assert 'stratoscope_management_list_truncated{cloud="one",sort="users"} 1\n' in shown
    assert "stratoscope_management_users{" not in shown


async def test_a_wrong_password_fails_every_collector_but_the_look_at_the_endpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    statuses, shown = await seen(tmp_path, session="oneadmin:not-the-password")
    good = {name for name, status in statuses.items() if status.success}
    assert good == {"requests", "endpoints"}
    assert {status.reason for name, status in statuses.items() if name not in good} == {Reason.UNAUTHORIZED}
    said = shown + caplog.text + "".join(status.message for status in statuses.values())
    assert "not-the-password" not in said


async def test_a_refused_password_is_in_the_log_whoever_calls_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first call is that for zones, without which `endpoints` is content with the configured one."""
    statuses, _ = await seen(tmp_path, session="oneadmin:wrong-secret", zones={"enabled": False})
    assert statuses["endpoints"].success
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said
    assert all("User couldn't be authenticated" in one for one in said)
