"""The metrics of the probes of one cloud."""

import asyncio
from collections import Counter

from stratoscope.clouds.lifecycle import Phase, RunReason, StepLeftOutError
from stratoscope.vmprobe.collector import Probes
from stratoscope.vmprobe.entries import Rotation
from stratoscope.vmprobe.limits import CeilingSettings
from stratoscope.vmprobe.sweep import Leaks
from stratoscope.vmprobe.tally import BOUNDS
from support.golden import assert_golden
from support.pages import promtool_findings, rendered
from support.probe_cloud import ProbeStep
from support.probers import Bench, Described, on_bench, probe
from support.series import Page, read

PREFIX = "stratoscope_vmprobe"


async def page(bench: Bench) -> Page:
    collector = Probes(bench.prober)
    return read(rendered(collector.samples(await collector.fetch()), collector.families))


def test_golden_page() -> None:
    async def work(bench: Bench) -> None:
        rotating = probe("rotating", 600, rotation=Rotation(), share=0.5)
        async with bench.running(probe(interval_s=60), probe('odd"name', 600, share=0.2), rotating):
            await bench.until(115)
            bench.cloud.fails("request", RunReason.NO_VALID_HOST)
            await bench.until(130)
            bench.cloud.fails("check_quota", RunReason.QUOTA, times=3)
            await bench.until(400)
            bench.cloud.build_fault = None
            found = await page(bench)
        assert promtool_findings(found.text) == ""
        assert_golden("vmprobe_probes.prom", found.text)

    on_bench(work)


def test_a_probe_that_succeeds_has_219_series_and_a_failure_adds_2() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe("good", 600), probe("bad", 600, share=0.1)):
            await bench.until(50)
            bench.cloud.fails("request", RunReason.QUOTA)
            await bench.until(100)
            found = await page(bench)
        number = Counter(dict(labels).get("probe", "") for _, labels in found.samples)
        assert number["good"] == 219
        assert number["bad"] == 3 * 17 + 3 + 22 + 2
        assert number[""] <= 12

    on_bench(work)


def test_each_objective_adds_a_bucket_to_each_histogram() -> None:
    async def work(bench: Bench) -> None:
        bench.prober.shared.bounds = sorted({*BOUNDS, 7.0})
        async with bench.running(probe("good", 600)):
            await bench.until(100)
            found = await page(bench)
        assert Counter(dict(labels).get("probe", "") for _, labels in found.samples)["good"] == 219 + 11
        assert 'accepted_to_built_seconds_bucket{cloud="uni",probe="good",le="7.0"} 1' in found.text
        assert promtool_findings(found.text) == ""

    on_bench(work)


def test_an_optional_phase_adds_19_series_and_one_that_is_left_out_says_so() -> None:
    async def work(bench: Bench) -> None:
        optional = (Phase.CONSOLE, Phase.SNAPSHOT)
        bench.cloud.steps = [ProbeStep(bench.cloud, phase) for phase in optional]
        async with bench.running(probe("good", 600, optional=optional)):
            await bench.until(100)
            found = await page(bench)
            number = Counter(dict(labels).get("probe", "") for _, labels in found.samples)
            bench.cloud.fails("begin snapshot", StepLeftOutError("no such service"), times=9)
            await bench.until(700)
            left_out = (await page(bench)).by(f"{PREFIX}_step_left_out", "phase")
        assert number["good"] == 219 + 2 * 19
        assert left_out == {"console": 0, "snapshot": 1}

    on_bench(work)


def test_before_the_first_run_there_is_no_verdict_and_no_duration() -> None:
    async def work(bench: Bench) -> None:
        bench.prober.change([probe()])
        found = await page(bench)
        for counted in ("runs_total", "successful_runs_total", "consecutive_failures"):
            assert found.by(f"{PREFIX}_{counted}", "probe") == {"boot": 0}
        for absent in ("success", "last_failure", "last_run_timestamp_seconds", "vm_seconds_day"):
            assert found.all(f"{PREFIX}_{absent}") == []
        assert found.value(f"{PREFIX}_probe_state", state="idle") == 1

    on_bench(work)


def test_a_failure_is_shown_until_the_next_success() -> None:
    async def work(bench: Bench) -> None:
        bench.cloud.fails("resolve", RunReason.IMAGE)
        async with bench.running(probe(interval_s=60)):
            await bench.until(30)
            found = await page(bench)
            expected = {"phase": "resolve", "reason": "image", "blame": "project"}
            assert found.value(f"{PREFIX}_success") == 0
            assert found.value(f"{PREFIX}_consecutive_failures") == 1
            assert found.info(f"{PREFIX}_last_failure").items() >= expected.items()
            await bench.until(90)
            found = await page(bench)
        assert (found.value(f"{PREFIX}_success"), found.all(f"{PREFIX}_last_failure")) == (1, [])
        assert found.value(f"{PREFIX}_failures_total", **expected) == 1
        assert found.value(f"{PREFIX}_consecutive_failures") == 0
        assert (found.value(f"{PREFIX}_runs_total"), found.value(f"{PREFIX}_successful_runs_total")) == (2, 1)
        assert found.info(f"{PREFIX}_probe_info")["image_id"] == "image-1"

    on_bench(work)


def test_an_interrupted_run_says_nothing_of_the_cloud_but_its_vm_and_polls_count() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe()):
            await bench.until(1.5)
        found = await page(bench)
        assert found.value(f"{PREFIX}_runs_total") == 0
        assert found.all(f"{PREFIX}_success") == []
        assert found.value(f"{PREFIX}_polls_total") > 0
        assert found.value(f"{PREFIX}_vm_seconds_total") > 0

    on_bench(work)


def test_what_is_left_is_counted_by_kind_and_limits_are_shown() -> None:
    async def work(bench: Bench) -> None:
        bench.ledger.spent_s = 60.0
        async with bench.running(probe(interval_s=600, vm=Described(flavor="tiny", zone="z1"))):
            await asyncio.sleep(1)
            found = await page(bench)
            assert found.value(f"{PREFIX}_vms") == 1
            assert found.by(f"{PREFIX}_leaked_resources", "kind") == {"server": 0}
            assert found.all(f"{PREFIX}_leaked_oldest_timestamp_seconds") == []
            bench.prober.sweep.leaks = Leaks(
                is_known=True,
                by_kind={"port": 2},
                oldest=5.0,
                kept={"server": 1},
                failed_deletions={"port": 3},
            )
            left = await page(bench)
        assert left.by(f"{PREFIX}_leaked_resources", "kind") == {"server": 0, "port": 2}
        assert left.value(f"{PREFIX}_leaked_oldest_timestamp_seconds") == 5
        assert left.by(f"{PREFIX}_kept_resources", "kind") == {"server": 1}
        assert left.by(f"{PREFIX}_failed_deletions_total", "kind") == {"server": 0, "port": 3}
        assert found.value(f"{PREFIX}_vms_limit") == 3
        assert found.value(f"{PREFIX}_vm_seconds_day") == 60
        assert found.value(f"{PREFIX}_vm_seconds_day_limit") == 24 * 3600
        assert found.info(f"{PREFIX}_probe_info").items() >= {"flavor": "tiny", "zone": "z1"}.items()

    on_bench(work, limits=CeilingSettings(vms_at_once=3))


def test_a_ledger_that_cannot_be_read_is_counted_and_the_day_is_absent() -> None:
    async def work(bench: Bench) -> None:
        async with bench.running(probe(interval_s=600)):
            await bench.until(10)
            bench.ledger.failing.add("vm_seconds")
            found = await page(bench)
            assert found.all(f"{PREFIX}_vm_seconds_day") == []
            assert (await page(bench)).value(f"{PREFIX}_ledger_errors_total") == 2
            assert found.value(f"{PREFIX}_runs_total") == 1

    on_bench(work)
