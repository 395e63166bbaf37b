"""What a benchmark found: a table for people, a list for machines."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One figure and its bound; `ok` is whether it is at most (or, for a speed-up, at least) the bound."""

    name: str
    value: float
    unit: str
    bound: float
    ok: bool


def at_most(name: str, value: float, bound: float, unit: str = "ratio") -> Result:
    return Result(name, round(value, 4), unit, bound, value <= bound)


def at_least(name: str, value: float, bound: float, unit: str = "ratio") -> Result:
    return Result(name, round(value, 4), unit, bound, value >= bound)


def interleaved(
    rounds: int, *calls: Callable[[], float], before: Callable[[int], object] = lambda _: None
) -> list[float]:
    """The median of what each call returns, the calls taking turns; `before(round)` goes before each."""
    for call in calls:
        call()  # warm
    taken: list[list[float]] = [[] for _ in calls]
    for number in range(rounds):
        for figures, call in zip(taken, calls, strict=True):
            before(number)
            figures.append(call())
    return [statistics.median(figures) for figures in taken]


def show(results: Sequence[Result]) -> None:
    width = max(len(result.name) for result in results)
    for result in results:
        mark = "ok  " if result.ok else "FAIL"
        print(f"{mark} {result.name:<{width}} {result.value:>10.4g} {result.unit:<6} bound {result.bound:g}")


def write(results: Sequence[Result], path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")
