"""The account of a cloud's session as metrics."""

from stratoscope.clouds.client.cost import Requests
from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.client.request import Response
from support.golden import assert_golden
from support.pages import promtool_findings, rendered
from support.wheel import Wheel


async def _page(budget: Budget) -> str:
    collector = Requests("uni", budget)
    return rendered(collector.samples(await collector.fetch()), collector.families)


async def test_account_and_limits() -> None:
    wheel = Wheel()
    budget = Budget(Limits(), wheel.clock)

    async def good() -> Response:
        wheel.time_s += 0.25
        return Response(200, b"12345", {})

    await budget.call("compute", "servers", good)
    await budget.call("block-storage", "volumes", good)
    budget.stats.request(("compute", "servers"), "timeout", seconds=30, size=0)
    budget.stats.retry(("compute", "servers"), "401")
    budget.stats.logins.update({"ok": 2, "refused": 0, "failed": 1})
    budget.stats.token_expires.update({"admin": 6000.0, "user": 5000.0})
    budget.skew.note("compute", 1000.0, 940.0, 941.0)
    budget.refused("network", 429, "90")
    page = await _page(budget)
    assert_golden("cloud_requests.prom", page)
    assert promtool_findings(page) == ""


async def test_before_anything_was_asked_there_are_the_limits_alone() -> None:
    page = await _page(Budget(Limits(concurrency=3)))
    assert 'stratoscope_cloud_budget_concurrency{cloud="uni"} 3' in page
    assert "requests_total" not in page
    assert "logins_total" not in page
    assert "token_expires" not in page
    assert "paused_until" not in page
    assert "clock_skew" not in page


async def test_an_answer_is_not_changed_by_what_follows() -> None:
    budget = Budget(Limits())
    collector = Requests("uni", budget)
    before = await collector.fetch()
    budget.stats.request(("compute", "servers"), "200", seconds=1, size=1)
    assert before.spent.requests == {}
