"""Calls that are shared by those who ask for the same."""

import asyncio
import gc

import pytest

from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.singleflight import SingleFlight
from support.source import until

NO_ANSWER = "qemu:///system: no answer to list"


class Calls:
    """Starts calls that end when told to."""

    def __init__(self) -> None:
        self.started: list[asyncio.Future[int]] = []

    def start(self) -> "asyncio.Future[int]":
        self.started.append(asyncio.get_running_loop().create_future())
        return self.started[-1]


async def test_call_under_way_is_shared_by_all_who_ask_for_it() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    asking = [asyncio.create_task(flight.share("list", calls.start, 1, NO_ANSWER)) for _ in range(3)]
    await until(lambda: bool(calls.started))
    calls.started[0].set_result(5)
    assert await asyncio.gather(*asking) == [5, 5, 5]
    assert len(calls.started) == 1


async def test_calls_of_two_kinds_are_two() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    asking = [asyncio.create_task(flight.share(kind, calls.start, 1, NO_ANSWER)) for kind in ("list", "node")]
    await until(lambda: len(calls.started) == 2)
    calls.started[0].set_result(1)
    calls.started[1].set_result(2)
    assert await asyncio.gather(*asking) == [1, 2]


async def test_call_that_has_ended_is_made_anew() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    for number in (1, 2):
        asking = asyncio.create_task(flight.share("list", calls.start, 1, NO_ANSWER))
        await until(lambda: len(calls.started) == number)  # noqa: B023 - it is awaited in the same round
        calls.started[-1].set_result(number)
        assert await asking == number


async def test_call_that_hangs_is_given_up_but_not_made_twice() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    for _ in range(2):
        with pytest.raises(CollectError) as given_up:
            await flight.share("list", calls.start, 0.01, NO_ANSWER)
        assert str(given_up.value) == "qemu:///system: no answer to list within 0.01 s"
        assert given_up.value.reason is Reason.TIMEOUT
    assert len(calls.started) == 1


async def test_late_answer_goes_to_who_asks_then() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    with pytest.raises(CollectError):
        await flight.share("list", calls.start, 0, NO_ANSWER)
    asking = asyncio.create_task(flight.share("list", calls.start, 1, NO_ANSWER))
    await asyncio.sleep(0)
    calls.started[0].set_result(7)
    assert await asking == 7


async def test_failure_is_raised_for_each_who_asked() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    asking = [asyncio.create_task(flight.share("list", calls.start, 1, NO_ANSWER)) for _ in range(2)]
    await until(lambda: bool(calls.started))
    calls.started[0].set_exception(CollectError(Reason.UNAVAILABLE, "no daemon"))
    for outcome in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(outcome, CollectError)
        assert outcome.reason is Reason.UNAVAILABLE


async def test_call_that_cannot_be_started_does_not_hide_the_next() -> None:
    def busy() -> "asyncio.Future[int]":
        raise CollectError(Reason.BUSY, "all threads hang")

    flight, calls = SingleFlight[str, int](), Calls()
    with pytest.raises(CollectError, match="all threads hang"):
        await flight.share("list", busy, 1, NO_ANSWER)
    asking = asyncio.create_task(flight.share("list", calls.start, 1, NO_ANSWER))
    await until(lambda: bool(calls.started))
    calls.started[0].set_result(1)
    assert await asking == 1


async def test_one_who_goes_away_does_not_end_the_call_for_the_others() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    leaving, staying = (
        asyncio.create_task(flight.share("list", calls.start, 1, NO_ANSWER)) for _ in range(2)
    )
    await until(lambda: bool(calls.started))
    leaving.cancel()
    await asyncio.wait({leaving})
    calls.started[0].set_result(1)
    assert await staying == 1


@pytest.mark.parametrize("cancelled", [True, False])
async def test_end_that_nobody_waits_for_is_no_error(
    cancelled: bool, caplog: pytest.LogCaptureFixture
) -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    with pytest.raises(CollectError):
        await flight.share("list", calls.start, 0, NO_ANSWER)
    if cancelled:
        calls.started[0].cancel()
    else:
        calls.started[0].set_exception(RuntimeError("too late"))
    await asyncio.sleep(0)
    calls.started.clear()
    del flight
    gc.collect()
    assert not caplog.records


async def test_call_that_ended_just_now_is_made_anew_and_nothing_is_kept_of_either() -> None:
    flight, calls = SingleFlight[str, int](), Calls()
    first = asyncio.create_task(flight.share("job 1", calls.start, 1, NO_ANSWER))
    await until(lambda: len(calls.started) == 1)
    calls.started[0].set_result(1)
    with pytest.raises(CollectError):
        await flight.share("job 1", calls.start, 0, NO_ANSWER)  # before the loop looks at the first one's end
    assert len(calls.started) == 2
    calls.started[1].set_result(2)
    assert await first == 1
    await until(lambda: flight._under_way == {})


async def test_closing_cancels_what_is_under_way_and_waits_for_its_end() -> None:
    flight, ended = SingleFlight[str, None](), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    await flight.close()  # nothing is under way
    task = flight.call("log in", lambda: asyncio.create_task(hang()))
    assert flight.get("log in") is task
    await asyncio.sleep(0)
    await flight.close()
    assert ended.is_set()
    assert task.cancelled()
    assert flight.get("log in") is None
