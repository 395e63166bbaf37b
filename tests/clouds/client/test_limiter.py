"""The budget of a cloud: how many requests go out, when, and what is counted."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator

import pytest

from stratoscope.clouds.client.limiter import Budget, Limits
from stratoscope.clouds.client.request import CallError, Method, OutcomeUnknownError, Response
from stratoscope.core.config import Duration
from stratoscope.core.deadline import DEADLINE
from stratoscope.core.errors import CollectError, Reason
from support.source import until
from support.wheel import Wheel

GOOD = Response(200, b"four", {})


class Service:
    """Answers what it is told to, the last for ever; keeps when it was asked and how many ask at once."""

    def __init__(self, wheel: Wheel, *answers: Response | Exception, takes_s: float = 0.0) -> None:
        self.asked_at: list[float] = []
        self.most_at_once = 0
        self._wheel, self._answers, self._takes_s = wheel, [*answers], takes_s
        self._now = 0

    async def __call__(self) -> Response:
        self.asked_at.append(self._wheel.time_s)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            if self._takes_s:
                await self._wheel.sleep(self._takes_s)
        finally:
            self._now -= 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
def deadline(wheel: Wheel) -> Iterator[Callable[[float], None]]:
    """Say how long the collection under way may take from now."""
    token = DEADLINE.set(wheel.time_s + 50)
    yield lambda seconds: (DEADLINE.set(wheel.time_s + seconds), None)[1]
    DEADLINE.reset(token)


def _refused(status: int, retry_after: str | None = None) -> Response:
    return Response(status, b"", {} if retry_after is None else {"retry-after": retry_after})


def _reason(outcome: object) -> Reason:
    assert isinstance(outcome, CollectError), outcome
    return outcome.reason


async def _hangs() -> Response:
    await asyncio.Event().wait()
    return GOOD


@pytest.mark.parametrize(
    ("method", "status", "times"),
    [
        ("POST", 429, 2),
        ("PATCH", 429, 2),
        ("POST", 503, 1),
        ("PATCH", 503, 1),
        ("PUT", 503, 2),
        ("DELETE", 503, 2),
    ],
)
async def test_what_must_not_be_done_twice_is_sent_again_only_where_it_was_refused(
    method: Method, status: int, times: int, wheel: Wheel
) -> None:
    service = Service(wheel, _refused(status, "2"), GOOD)
    budget = Budget(Limits(), wheel.clock)
    (answer,) = await wheel.run(budget.call("compute", "server", service, method=method))
    assert isinstance(answer, Response)
    assert answer.status == (200 if times == 2 else status)
    assert len(service.asked_at) == times
    assert budget.paused() == ({} if times == 2 else {"compute": 1002.0})


async def test_what_had_no_turn_was_not_sent(wheel: Wheel, deadline: Callable[[float], None]) -> None:
    budget = Budget(Limits(concurrency=1), wheel.clock)
    holding = asyncio.create_task(budget.call("compute", "servers", _hangs))
    await asyncio.sleep(0)
    deadline(0.5)
    with pytest.raises(CollectError, match="no turn within") as caught:
        await budget.call("compute", "server", _hangs, method="POST")
    assert not isinstance(caught.value, OutcomeUnknownError)
    holding.cancel()


async def test_requests_are_counted_with_seconds_and_bytes(wheel: Wheel) -> None:
    budget = Budget(Limits(), wheel.clock)
    service = Service(wheel, GOOD, takes_s=0.5)
    await wheel.run(budget.call("compute", "servers", service), budget.call("compute", "servers", service))
    spent = budget.stats.spent()
    assert spent.requests == {("compute", "servers", "200"): 2}
    assert spent.seconds == {("compute", "servers", "200"): pytest.approx(1.0)}
    assert spent.size == {("compute", "servers", "200"): 8}
    assert spent.in_flight == 0


async def test_one_service_gets_half_of_what_goes_at_once(wheel: Wheel) -> None:
    budget = Budget(Limits(concurrency=6), wheel.clock)
    nova, cinder = Service(wheel, GOOD, takes_s=10), Service(wheel, GOOD, takes_s=1)
    await wheel.run(
        *(budget.call("compute", "servers", nova) for _ in range(8)),
        *(budget.call("block-storage", "volumes", cinder) for _ in range(8)),
    )
    assert nova.most_at_once == 3
    assert cinder.most_at_once == 2
    assert cinder.asked_at[0] == 1000.0  # it does not wait for Nova
    assert budget.stats.spent().in_flight == 0


async def test_a_rate_is_kept_and_waiting_is_counted(wheel: Wheel) -> None:
    budget = Budget(Limits(requests_per_second=2), wheel.clock)
    service = Service(wheel, GOOD)
    await wheel.run(*(budget.call("compute", "servers", service) for _ in range(4)))
    assert service.asked_at == pytest.approx([1000, 1000, 1000.5, 1001])
    assert budget.stats.spent().waited_s == pytest.approx(1.5)


async def test_no_turn_in_time_is_busy_and_sends_nothing(
    wheel: Wheel, deadline: Callable[[float], None]
) -> None:
    budget = Budget(Limits(requests_per_second=0.1), wheel.clock)
    service = Service(wheel, GOOD)
    deadline(5)
    outcomes = await wheel.run(*(budget.call("compute", "servers", service) for _ in range(2)))
    assert outcomes[0] == GOOD
    assert _reason(outcomes[1]) is Reason.BUSY
    assert "0.1 per second" in str(outcomes[1])
    assert len(service.asked_at) == 1


async def test_a_collection_that_is_over_sends_nothing(
    wheel: Wheel, deadline: Callable[[float], None]
) -> None:
    budget = Budget(Limits(), wheel.clock)
    service = Service(wheel, GOOD)
    deadline(0)
    (outcome,) = await wheel.run(budget.call("compute", "servers", service))
    assert _reason(outcome) is Reason.BUSY
    assert not service.asked_at


async def test_a_hang_ends_at_the_time_out_and_is_counted() -> None:
    budget = Budget(Limits(timeout=Duration(0.5)))
    with pytest.raises(CollectError, match=r"compute: servers: no answer within \S+ s") as caught:
        await budget.call("compute", "servers", _hangs)
    assert caught.value.reason is Reason.TIMEOUT
    assert budget.stats.spent().requests == {("compute", "servers", "timeout"): 1}


async def test_what_the_transport_says_is_counted_and_passed_on(wheel: Wheel) -> None:
    budget = Budget(Limits(), wheel.clock)
    service = Service(wheel, CallError(Reason.UNAVAILABLE, "refused", "connection"))
    with pytest.raises(CallError, match="refused"):
        await budget.call("compute", "servers", service)
    assert budget.stats.spent().requests == {("compute", "servers", "connection"): 1}


async def test_a_request_that_is_cancelled_gives_its_place_back() -> None:
    budget = Budget(Limits(concurrency=1))
    task = asyncio.create_task(budget.call("compute", "servers", _hangs))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert budget.stats.spent().in_flight == 1
    task.cancel()
    await asyncio.wait({task})
    assert budget.stats.spent().requests == {("compute", "servers", "cancelled"): 1}
    assert await budget.call("compute", "servers", _good) == GOOD


async def _good() -> Response:
    return GOOD


@pytest.mark.parametrize("retry_after", ["3", None])
@pytest.mark.parametrize("status", [429, 503])
async def test_after_a_pause_that_fits_it_is_asked_again(
    wheel: Wheel, deadline: Callable[[float], None], status: int, retry_after: str | None
) -> None:
    deadline(30)
    budget = Budget(Limits(), wheel.clock)
    service = Service(wheel, _refused(status, retry_after), GOOD)
    assert await wheel.run(budget.call("compute", "servers", service)) == [GOOD]
    assert service.asked_at == pytest.approx([1000, 1003 if retry_after else 1001])
    assert budget.stats.spent().retries == {("compute", "servers", str(status)): 1}


@pytest.mark.parametrize(("status", "reason"), [(429, Reason.BUSY), (503, Reason.UNAVAILABLE)])
async def test_a_pause_that_does_not_fit_fails_at_once_and_for_all(
    wheel: Wheel, deadline: Callable[[float], None], status: int, reason: Reason
) -> None:
    deadline(30)
    budget = Budget(Limits(), wheel.clock)
    service = Service(wheel, _refused(status, "60"))
    for _ in range(3):
        (outcome,) = await wheel.run(budget.call("compute", "servers", service))
        assert _reason(outcome) is reason
    assert len(service.asked_at) == 1
    assert wheel.time_s == 1000.0
    assert budget.paused() == {"compute": pytest.approx(1060)}
    assert await wheel.run(budget.call("network", "ports", Service(wheel, GOOD))) == [GOOD]


async def test_those_who_wait_for_a_place_do_not_ask_during_the_pause(
    wheel: Wheel, deadline: Callable[[float], None]
) -> None:
    deadline(30)
    budget = Budget(Limits(concurrency=2), wheel.clock)
    service = Service(wheel, _refused(429, "100"), takes_s=0.1)
    outcomes = await wheel.run(*(budget.call("compute", "servers", service) for _ in range(20)))
    assert {_reason(outcome) for outcome in outcomes} == {Reason.BUSY}
    assert len(service.asked_at) == 1


async def test_after_a_pause_one_alone_finds_out(wheel: Wheel, deadline: Callable[[float], None]) -> None:
    deadline(30)
    budget = Budget(Limits(), wheel.clock)
    service = Service(wheel, _refused(429, "5"), _refused(429, "5"), GOOD, takes_s=0.1)
    outcomes = await wheel.run(*(budget.call("compute", "servers", service) for _ in range(4)))
    assert outcomes == [GOOD] * 4
    # four went out before anybody knew; then one, whom the others waited for, and then they
    assert len([moment for moment in service.asked_at if moment > 1000.05]) <= 6


@pytest.mark.parametrize("retry_after", [None, "1"])
async def test_ten_minutes_of_429_cause_hardly_any_requests(
    wheel: Wheel, deadline: Callable[[float], None], retry_after: str | None
) -> None:
    budget = Budget(Limits(), wheel.clock)
    service = Service(wheel, _refused(429, retry_after))
    while wheel.time_s < 1600:
        began = wheel.time_s
        deadline(50)
        await wheel.run(*(budget.call("compute", "servers", service) for _ in range(5)))
        wheel.time_s = max(wheel.time_s, began + 60)
    assert len(service.asked_at) <= 25


async def test_a_service_that_did_not_answer_takes_one_place_until_it_does() -> None:
    DEADLINE.set(time.monotonic() + 100)  # of this test's context alone
    budget = Budget(Limits(timeout=Duration(0.2)))
    hung = [asyncio.create_task(budget.call("compute", "servers", _hangs)) for _ in range(4)]
    await asyncio.wait(hung)
    hung += [asyncio.create_task(budget.call("compute", "servers", _hangs)) for _ in range(4)]
    await until(lambda: budget.stats.in_flight == 1)
    again = asyncio.create_task(budget.call("compute", "servers", _good))
    assert await again == GOOD  # when those before it have been given up
    assert [_reason(one.exception()) for one in hung] == [Reason.TIMEOUT] * 8
    answers = await asyncio.gather(*(budget.call("compute", "servers", _good) for _ in range(4)))
    assert answers == [GOOD] * 4


async def test_who_waits_in_vain_for_one_that_does_not_answer_is_told_so() -> None:
    budget = Budget(Limits(timeout=Duration(0.1)))
    DEADLINE.set(time.monotonic() + 50)  # of this test's context alone
    with pytest.raises(CollectError, match=r"no answer within 0.1 s\Z"):
        await budget.call("compute", "servers", _hangs)
    budget.limits = Limits()
    hung = asyncio.create_task(budget.call("compute", "servers", _hangs))
    await asyncio.sleep(0)
    DEADLINE.set(time.monotonic() + 0.1)
    with pytest.raises(
        CollectError, match="compute does not answer, and gets one request at a time"
    ) as caught:
        await budget.call("compute", "servers", _good)
    assert caught.value.reason is Reason.TIMEOUT
    hung.cancel()
    await asyncio.wait({hung})


@pytest.mark.parametrize("left_s", [0.02, 0.9])
async def test_a_request_just_before_an_end_says_nothing_of_its_service(
    wheel: Wheel, deadline: Callable[[float], None], left_s: float
) -> None:
    budget = Budget(Limits(), wheel.clock)
    deadline(left_s + 0.05)
    (outcome,) = await wheel.run(budget.call("compute", "servers", Service(wheel, TimeoutError())))
    assert _reason(outcome) is Reason.TIMEOUT
    within = f"no answer within {left_s:.3g} s, which is what its collection had left"
    assert str(outcome) == f"compute: servers: {within}"
    assert not budget._services["compute"].is_silent


async def test_one_that_had_time_enough_is_silent(wheel: Wheel, deadline: Callable[[float], None]) -> None:
    budget = Budget(Limits(), wheel.clock)
    deadline(1.06)
    (outcome,) = await wheel.run(budget.call("compute", "servers", Service(wheel, TimeoutError())))
    assert str(outcome) == "compute: servers: no answer within 1.01 s"
    assert budget._services["compute"].is_silent


async def test_two_services_that_hang_leave_the_others_room() -> None:
    budget = Budget(Limits())
    hung = [
        asyncio.create_task(budget.call(service, "servers", _hangs))
        for service in ["compute"] * 9 + ["block-storage"] * 9
    ]
    await asyncio.sleep(0.01)
    assert await budget.call("network", "ports", _good) == GOOD
    for task in hung:
        task.cancel()
    await asyncio.wait(hung)


async def test_a_refresh_is_bounded_with_all_its_tasks(wheel: Wheel) -> None:
    budget = Budget(Limits(requests_per_refresh=3), wheel.clock)
    service = Service(wheel, GOOD)

    async def collect() -> list[Response | BaseException]:
        with budget.refresh():
            calls = (budget.call("compute", "servers", service) for _ in range(5))
            return await asyncio.gather(*calls, return_exceptions=True)

    async def left() -> tuple[float, float]:
        with budget.refresh():
            before = budget.left_of_refresh
            await asyncio.create_task(budget.call("compute", "servers", service))
            return before, budget.left_of_refresh

    assert (await left(), budget.left_of_refresh) == ((3, 2), math.inf)
    service.asked_at.clear()
    for _ in range(2):
        outcomes = await collect()
        assert outcomes[:3] == [GOOD] * 3
        assert [_reason(outcome) for outcome in outcomes[3:]] == [Reason.BUSY] * 2
        assert "requests_per_refresh, 3" in str(outcomes[4])
    assert len(service.asked_at) == 6
    await asyncio.gather(*(budget.call("compute", "servers", service) for _ in range(5)))  # outside: no bound


async def test_a_check_goes_beside_the_share_of_a_service_that_hangs() -> None:
    budget = Budget(Limits(concurrency=2))
    hanging = [asyncio.create_task(budget.call("compute", "servers", _hangs)) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert await budget.check("compute", "version", _good, 5) == GOOD
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


async def test_a_check_that_hangs_is_no_reason_to_ask_one_at_a_time() -> None:
    budget = Budget(Limits())
    with pytest.raises(CollectError) as caught:
        await budget.check("compute", "version", _hangs, 0.3)
    assert caught.value.reason is Reason.TIMEOUT
    tasks = [asyncio.create_task(budget.call("compute", "servers", _hangs)) for _ in range(4)]
    await until(lambda: budget.stats.in_flight == 4)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_a_check_without_a_place_is_busy() -> None:
    budget = Budget(Limits(concurrency=1))
    hanging = asyncio.create_task(budget.call("compute", "servers", _hangs))
    await asyncio.sleep(0.01)
    with pytest.raises(CollectError) as caught:
        await budget.check("compute", "version", _good, 0.02)
    assert caught.value.reason is Reason.BUSY
    hanging.cancel()
    await asyncio.wait({hanging})


async def test_a_check_obeys_a_pause_and_makes_none(wheel: Wheel) -> None:
    budget = Budget(Limits(), wheel.clock)
    assert (await budget.check("compute", "version", Service(wheel, _refused(503)), 10)).status == 503
    assert budget.paused() == {}
    budget.refused("compute", 503, "60")
    service = Service(wheel, GOOD)
    with pytest.raises(CollectError) as caught:
        await budget.check("compute", "version", service, 10)
    assert caught.value.reason is Reason.UNAVAILABLE
    assert not service.asked_at


async def test_each_service_has_its_own_pause(wheel: Wheel, deadline: Callable[[float], None]) -> None:
    deadline(5)
    budget = Budget(Limits(), wheel.clock)
    budget.refused("compute", 429, "10")
    assert budget.paused() == {"compute": pytest.approx(wheel.time_s + 10)}
    service = Service(wheel, GOOD)
    refused, answered = await wheel.run(
        *(budget.call(name, "list", service) for name in ("compute", "network"))
    )
    assert "compute: answered 429" in str(refused)
    assert (_reason(refused), answered) == (Reason.BUSY, GOOD)
    wheel.time_s += 10
    assert budget.paused() == {}


async def test_without_a_collection_a_request_has_its_time_out_to_be_answered(wheel: Wheel) -> None:
    budget = Budget(Limits(timeout=Duration(5)), wheel.clock)
    service = Service(wheel, _refused(503))
    (outcome,) = await wheel.run(budget.call("compute", "servers", service))
    assert _reason(outcome) is Reason.UNAVAILABLE
    assert service.asked_at == pytest.approx([1000, 1001, 1003])
