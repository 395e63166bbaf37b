"""The parts of an exporter: what it opens, collects and does. A reload keeps what it does not change."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from stratoscope.core.collector import Collections, Collector


@dataclass(frozen=True, slots=True)
class Site:
    """What a process gives to its exporter.

    Attributes:
        registry: For the metrics that the exporter itself counts.
        storage: The folder of its state; None for an exporter that keeps none.
    """

    registry: CollectorRegistry
    storage: Path | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Work in the background, for as long as its part is open. A task that returns is finished.

    Attributes:
        name: The label `task`; unique in the exporter.
        run: The work. After an error it is called again, see core/tasks.py. Cancelled when the part closes.
    """

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Opened:
    """An open part.

    Attributes:
        collectors: All that it can collect.
        tasks: What it does in the background.
        value: What the exporter's routes (as `request.opened[name]`) and `Part.collections` need of it.
    """

    collectors: Sequence[Collector[Any]] = ()
    tasks: Sequence[Task] = ()
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of an exporter, such as a cloud or a database, under one configuration.

    Attributes:
        name: Unique in the exporter.
        identity: All that `open` depends on. While it stays equal, a reload keeps the part open, with its
            sessions, snapshots and tasks.
        open: Opens the part. It has no effect outside of this process: its predecessor is still open. Its
            clean-up is cancelled only if it takes longer than the exporter's `stop_timeout_s`.
        collections: What is collected under the settings of this part. Called after each reload; it may also
            change what can be changed without opening anew, such as limits.
    """

    name: str
    identity: object
    open: Callable[[], AbstractAsyncContextManager[Opened]]
    collections: Callable[[Opened], Collections]
