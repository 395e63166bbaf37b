"""A collector whose source does as it is told, and the clock that a Runner is given with it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from stratoscope.core.collector import Collector
from stratoscope.core.metrics import Family, Labels, Sample
from support.patience import FAR_S

VCPUS = Family("stratoscope_test_vm_vcpus", "Virtual CPUs.", labels=("cloud", "vm_id"))


def vcpus(vm_id: str, value: object = 1) -> Sample:
    """A sample of VCPUS; any object as its value, as an untyped source might give it."""
    return (VCPUS, Labels(cloud="uni", vm_id=vm_id), value)  # type: ignore[return-value]  # that is the point


Answer: TypeAlias = "list[Sample] | BaseException | Callable[[], Awaitable[list[Sample]]]"


class Source(Collector[list[Sample]]):
    """A source with answers in store: each `fetch` takes the next one, and the last for ever.

    An answer is the samples, an error to raise, or a coroutine function to wait for. While `gate` is closed
    no answer comes.
    """

    families = (VCPUS,)

    def __init__(
        self, *answers: "list[Sample] | BaseException | Callable[[], Awaitable[list[Sample]]]"
    ) -> None:
        self.name, self.cloud = "source", "uni"
        self.answers = list(answers) or [[vcpus("vm-1")]]
        self.calls = 0
        self.malformed_items = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self) -> list[Sample]:
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        await self.gate.wait()
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, list) else await answer()

    def samples(self, data: list[Sample], /) -> Iterable[Sample]:
        return data

    def malformed(self, data: list[Sample], /) -> int:  # noqa: ARG002 - told, not counted
        return self.malformed_items


class Stubborn:
    """An answer that does not let itself be cancelled before its `with` block ends, as a faulty SDK might."""

    def __init__(self) -> None:
        self._over = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    async def __call__(self) -> list[Sample]:
        while not self._over.is_set():
            try:
                await self._over.wait()
            except asyncio.CancelledError:
                continue
        return [vcpus("vm-1")]


@dataclass
class Clock:
    """Time that goes on only when someone sleeps or the test says so."""

    time_s: float = 1000.0
    slept_s: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.time_s += seconds
        await asyncio.sleep(0)


class LoopTime:
    """The running loop's own time, standing still between steps: who is in time is no matter of luck then."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._time_s = loop.time()
        loop.time = lambda: self._time_s  # type: ignore[method-assign]  # this loop's, for this test

    async def goes_on(self, seconds: float) -> None:
        """Let so much time pass, and all that follows from it happen."""
        self._time_s += seconds
        for _ in range(20):
            await asyncio.sleep(0)


async def until(claim: Callable[[], bool]) -> None:
    """Let the loop turn until the claim holds, whatever its time; fails if it never does."""
    give_up = time.monotonic() + FAR_S
    while not claim():
        assert time.monotonic() < give_up, "what the test waits for does not happen"
        await asyncio.sleep(0)
