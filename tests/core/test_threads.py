"""BlockingCalls: bounded, abandoned when cancelled, harmless when late; workers: all there from the start."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from stratoscope.core.deadline import DEADLINE, time_left_s
from stratoscope.core.errors import CollectError, Reason
from stratoscope.core.threads import BlockingCalls, workers
from support.patience import FAR_S
from support.source import until

NAME = "test calls"


def threads() -> int:
    return sum(thread.name.startswith(NAME) for thread in threading.enumerate())


@pytest.fixture
def calls() -> Iterator[BlockingCalls]:
    assert threads() == 0
    calls = BlockingCalls(NAME, 2)
    yield calls
    calls.close()
    for thread in threading.enumerate():
        if thread.name.startswith(NAME):
            thread.join(2)
            assert not thread.is_alive()


class Hang:
    """Calls that do not return before the test lets them."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_return = threading.Event()

    def __call__(self, result: str = "late") -> str:
        self.began.release()
        assert self.may_return.wait(5)
        return result


@pytest.fixture
def hang() -> Iterator[Hang]:
    hang = Hang()
    yield hang
    hang.may_return.set()


async def test_result_comes_back_from_another_thread(calls: BlockingCalls) -> None:
    def call(first: int, *, second: int) -> tuple[int, threading.Thread]:
        return first + second, threading.current_thread()

    result, thread = await calls.start(call, 1, second=2)
    assert (result, thread.name) == (3, f"{NAME}-1")
    assert thread.daemon  # a call that hangs does not hold up the end of the process
    assert calls.busy == 0


async def test_exception_is_raised_where_it_is_awaited(calls: BlockingCalls) -> None:
    def call() -> None:
        raise ConnectionResetError("gone")

    with pytest.raises(ConnectionResetError, match="gone"):
        await calls.start(call)
    assert calls.busy == 0


async def test_stop_iteration_does_not_leave_the_caller_waiting(calls: BlockingCalls) -> None:
    async with asyncio.timeout(FAR_S):
        with pytest.raises(RuntimeError, match="the call raised StopIteration") as raised:
            await calls.start(next, iter([]))
    assert isinstance(raised.value.__cause__, StopIteration)


async def test_a_call_knows_how_long_its_collection_has(calls: BlockingCalls) -> None:
    DEADLINE.set(time.monotonic() + 10)
    assert 9 < await calls.start(time_left_s) <= 10


async def test_cancelled_call_is_abandoned_and_its_thread_usable_once_it_returns(
    calls: BlockingCalls, hang: Hang, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await calls.start(hang)
    assert calls.busy == 1
    assert await calls.start(str, 7) == "7"
    hang.may_return.set()
    await until(lambda: calls.busy == 0)
    assert await asyncio.gather(*(calls.start(str, number) for number in (1, 2))) == ["1", "2"]
    assert threads() == 2
    assert "Exception in callback" not in caplog.text


async def test_busy_when_all_threads_are_taken_and_not_for_longer(calls: BlockingCalls, hang: Hang) -> None:
    futures = [calls.start(hang, "one"), calls.start(hang, "two")]
    for _ in range(3):
        with pytest.raises(
            CollectError, match="test calls: all 2 threads wait for calls that hang"
        ) as raised:
            await calls.start(str, 7)
        assert raised.value.reason is Reason.BUSY
    assert (calls.busy, threads()) == (2, 2)
    hang.may_return.set()
    assert await asyncio.gather(*futures) == ["one", "two"]
    assert await calls.start(str, 7) == "7"


async def test_a_thousand_calls_need_no_more_threads_than_are_used_at_once(calls: BlockingCalls) -> None:
    for number in range(1000):
        assert await calls.start(str, number) == str(number)
    assert threads() == 1
    for _ in range(50):
        await asyncio.gather(calls.start(str, 1), calls.start(str, 2))
    assert (threads(), calls.busy) == (2, 0)


async def test_idle_thread_keeps_no_result_alive(calls: BlockingCalls) -> None:
    class Big:
        pass

    gc.disable()  # what only the garbage collector ends would live for long in a large process
    try:
        result = weakref.ref(await calls.start(Big))
        await until(lambda: result() is None)
    finally:
        gc.enable()


async def test_closed_calls_end_their_threads_and_refuse_more(hang: Hang) -> None:
    calls = BlockingCalls(NAME, 2)
    hanging = calls.start(hang, "late")
    await calls.start(str, 1)
    calls.close()
    calls.close()
    with pytest.raises(CollectError, match="test calls: closed") as raised:
        calls.start(str, 1)
    assert raised.value.reason is Reason.UNAVAILABLE
    await until(lambda: threads() == 1)  # the idle one ended
    hang.may_return.set()
    assert await hanging == "late"
    await until(lambda: threads() == 0)


def test_a_call_that_returns_after_its_loop_closed_is_harmless(calls: BlockingCalls, hang: Hang) -> None:
    async def start() -> None:
        calls.start(hang)
        await asyncio.to_thread(hang.began.acquire)

    asyncio.run(start())
    hang.may_return.set()
    # The thread that gets no answer through neither dies of it, which pytest would report, nor stops working.
    assert threads() == 1
    calls.close()


async def test_thread_that_cannot_be_started_is_not_counted(
    calls: BlockingCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(calls, "_start_thread", refuse)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="can't start"):
                calls.start(str, 7)
    assert calls.busy == 0
    assert await calls.start(str, 7) == "7"


def working() -> int:
    return sum(thread.name.startswith("worker") for thread in threading.enumerate())


def test_no_worker_is_added_for_work_that_follows_upon_work_that_just_ended() -> None:
    before = working()
    with workers(4) as executor:
        assert working() == before + 4
        followed = threading.Semaphore(0)

        def follow() -> None:
            # Here the thread that did the work has told its result, and does not count as idle yet.
            executor.submit(followed.release)

        for _ in range(10):
            executor.submit(int).add_done_callback(lambda _: follow())
            assert followed.acquire(timeout=5)
        assert working() == before + 4


async def test_tests_find_who_calls_the_loop_from_another_thread() -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
        await asyncio.to_thread(loop.call_soon, print)
