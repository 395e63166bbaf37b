"""A reload of the management exporter on an embedded cloud: what it does not change goes on."""

import json
from pathlib import Path
from typing import Any

from support.demo_cloud import demo_cloud
from support.series import Page
from support.watching import BUDGET, OFTEN, configuration, watching
from support.world_faults import leave_ports

SELDOM: dict[str, Any] = {"interval": "1h", "timeout": "30s", "max_age": "3h"}
QUOTA = "stratoscope_management_quota_used"
ORPHAN = "stratoscope_management_orphan_info"
LOGINS = "stratoscope_cloud_logins_total"
INTERVAL = "stratoscope_collector_interval_seconds"


def logins(page: Page) -> dict[str, float]:
    return page.by(LOGINS, "result")


async def test_changed_interval_and_budget_keep_session_snapshots_and_counters(tmp_path: Path) -> None:
    chosen = {"images": SELDOM, "compute_quotas": SELDOM, "requests": {}}
    async with demo_cloud() as cloud, watching(cloud.clouds_yaml(tmp_path), chosen) as exporter:
        before = await exporter.until(lambda page: page.all(QUOTA), "quotas are shown")
        requests = cloud.cloud.request_counts.total()
        slower = chosen | {"images": SELDOM | {"interval": "30m"}}
        text = configuration(tmp_path / "clouds.yaml", slower, {**BUDGET, "concurrency": 5, "timeout": "7s"})
        assert await exporter.reload(text) == (200, "reloaded\n")
        after = await exporter.page()
        assert after.value(INTERVAL, collector="images") == 1800
        assert after.all(QUOTA) == before.all(QUOTA)
        assert after.last_success("compute_quotas") == before.last_success("compute_quotas")
        assert logins(after) == {"ok": 1, "refused": 0, "failed": 0}
        assert cloud.cloud.request_counts.total() == requests
        await exporter.until(
            lambda page: page.value("stratoscope_cloud_budget_concurrency") == 5, "the budget is shown"
        )
        await exporter.reload(configuration(tmp_path / "clouds.yaml", {"images": SELDOM}))
        assert (await exporter.page()).all(QUOTA) == []


async def test_how_many_orphans_are_named_changes_by_a_reload_without_a_new_session(tmp_path: Path) -> None:
    chosen = {"ports": OFTEN}
    async with demo_cloud() as cloud, watching(cloud.clouds_yaml(tmp_path), chosen) as exporter:
        leave_ports(cloud.world, 5)
        before = await exporter.until(lambda page: len(page.all(ORPHAN)) >= 5, "orphans are named")
        number = len(before.all(ORPHAN))
        document = json.loads(configuration(tmp_path / "clouds.yaml", chosen))
        document["management"]["show"] = {"orphans": 2}
        assert await exporter.reload(json.dumps(document)) == (200, "reloaded\n")
        after = await exporter.until(lambda page: len(page.all(ORPHAN)) == 2, "two are named")
        assert after.value("stratoscope_management_orphans_beyond_bound", sort="ports") == number - 2
        assert logins(after) == {"ok": 1, "refused": 0, "failed": 0}


async def test_refused_password_is_not_tried_again_by_a_reload_until_it_is_changed(tmp_path: Path) -> None:
    chosen = {"images": SELDOM, "requests": {}}
    async with demo_cloud() as cloud:
        file = cloud.clouds_yaml(tmp_path)
        right = file.read_text()
        wrong = right.replace("password: ", "password: not-")
        assert wrong != right
        file.write_text(wrong)
        async with watching(file, chosen) as exporter:
            await exporter.until(lambda page: logins(page).get("refused") == 1, "a refused log-in is shown")
            for interval in ("30m", "20m"):
                changed = chosen | {"images": SELDOM | {"interval": interval}}
                assert await exporter.reload(configuration(file, changed)) == (200, "reloaded\n")
            sent = cloud.cloud.request_counts.items()
            assert sum(n for (_, method, path, _), n in sent if method == "POST" and "tokens" in path) == 1
            assert (await exporter.page()).success("images") == 0
            file.write_text(right)
            assert await exporter.reload(configuration(file, chosen)) == (200, "reloaded\n")
            assert (await exporter.page()).success("images") == 1
