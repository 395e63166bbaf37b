"""The exporter as configured, on an OpenNebula whose oned answers what a real one did."""

import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from stratoscope.core.errors import LeftOut, Reason
from stratoscope.core.exposition import page
from stratoscope.core.runner import Runner, Status
from stratoscope.management.exporter import EXPORTER
from support.golden import assert_golden
from support.opened import opened_exporter
from support.opennebula import PLAIN
from support.pages import promtool_findings
from support.replayed_oned import SESSION, chosen, credentials, recorded, replayed

SOME = ["6", "46", "47", "48", "49", "50", "51", "52", "53", "54", "57", "158", "257", "262"]
"""VMs of all states, owners and hosts."""
_OF_THE_MOMENT = ("latency_seconds", "stratoscope_cloud_")


async def seen(
    folder: Path, answers: Mapping[str, str | bytes] | None = None, session: str = SESSION
) -> tuple[dict[str, Status], str]:
    """How each collector fares, and the page."""
    async with replayed(answers) as oned:
        entry = {
            "name": "one",
            "kind": "opennebula",
            "endpoint": oned.endpoint,
            "credentials_file": credentials(folder, session),
        }
        settings = EXPORTER.parse({"clouds": [entry]}, {})
        async with opened_exporter(EXPORTER, settings) as collections:
            runners = [Runner(collection) for collection in collections.running]
            for runner in runners:
                await runner.first()
            outcomes = [await runner.lines(5) for runner in runners]
    lines = [lines for lines, _ in outcomes if lines is not None]
    names = [runner.collector.name for runner in runners]
    statuses = dict(zip(names, (status for _, status in outcomes), strict=True))
    return statuses, b"".join(page(lines, openmetrics=False)).decode()


async def test_oneadmin_sees_everything(tmp_path: Path) -> None:
    statuses, shown = await seen(tmp_path, {"vmpool.info": chosen(recorded("vmpool.info"), SOME)})
    assert {name for name, status in statuses.items() if not status.success} == set()
    assert sum(status.malformed for status in statuses.values()) == 0
    assert promtool_findings(shown) == ""
    lines = [
        line for line in shown.splitlines(keepends=True) if not any(one in line for one in _OF_THE_MOMENT)
    ]
    assert_golden("management_opennebula.prom", "".join(lines))


async def test_a_plain_user_leaves_out_what_it_may_not_see(tmp_path: Path) -> None:
    statuses, shown = await seen(tmp_path, PLAIN)
    left_out = {name: status.left_out for name, status in statuses.items() if status.left_out}
    assert left_out == dict.fromkeys(
        ("host_services", "hosts", "inventories", "vms", "room"), LeftOut.UNAUTHORIZED
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
