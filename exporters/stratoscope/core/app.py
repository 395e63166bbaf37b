"""An exporter's life: start, serve, reload on SIGHUP and `/-/reload`, stop on SIGTERM and SIGINT."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from stratoscope.core import logs, state, yaml_file
from stratoscope.core.collector import Absent, Every
from stratoscope.core.config import Duration, shown
from stratoscope.core.errors import ConfigError
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.part import Site
from stratoscope.core.parts import Parts
from stratoscope.core.program import USAGE_STATUS, version
from stratoscope.core.runner import Runner
from stratoscope.core.self_metrics import SelfMetrics
from stratoscope.core.singleflight import consume_exception
from stratoscope.core.threads import workers
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.auth import Access
from stratoscope.core.web.listen import MOST, Address
from stratoscope.core.web.server import application, serve

__all__ = ["App", "main", "settings_of", "version"]

log = logging.getLogger(__name__)

WORKERS: Final = 4
"""Threads that render and compress pages; more would only wait for each other."""

SWITCH_S: Final = 0.001
"""How long a thread may keep the loop waiting for its turn; Python's own 5 ms add up over a scrape."""

_CLOSE_SHARE: Final = 2 / 3
_CLOSE_ALL_BUT_S: Final = 0.5
"""Closing may take two thirds of the time of a stop, or all but 0.5 s if that is longer."""

TRIED_S: Final = 10.0
"""How long a reload waits for the first collection of its new collectors."""
ANSWER_S: Final = 25.0
"""How long the answer to a reload waits for its outcome."""

_STOPPING: Final = "not reloaded: it is stopping"

End = Callable[[int], object]
"""Ends the process with an exit status, at once: it does not wait for threads whose calls hang."""


class App:
    """The service that core/web shows: one exporter under the configuration in force.

    Attributes:
        urls: Where it listens, as soon as it does.
    """

    def __init__(
        self,
        exporter: Exporter,
        read: Callable[[], Any],
        *,
        storage: Path | None = None,
        end: End = os._exit,
        stop_timeout_s: float | None = None,
    ) -> None:
        """Read the configuration; nothing is opened yet.

        Args:
            exporter: What is run.
            read: Settings as the configuration file holds them now; raises ConfigError.
            storage: The folder of its state.
            end: Ends the process when a stop exceeds its time-out.
            stop_timeout_s: Replaces the time-out of its program.

        Raises:
            ConfigError: The configuration cannot be used.
        """
        program = exporter.program
        self.name, self.summary, self.version = program.name, program.summary, version()
        self.ready = False
        self.urls: Sequence[str] = ()
        self.registry = CollectorRegistry()
        self.routes, self.templates = exporter.routes, exporter.templates
        self._exporter, self._read = exporter, read
        self._hang_up = asyncio.Event()
        # Before the file is read: what changes in it from now on is read again.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hung_up)
        self._first = read()
        self._parts = Parts(exporter, Site(self.registry, storage), self._broken)
        self._refused = ""
        self._started, self._reloading = asyncio.Event(), asyncio.Lock()
        self._reloads = 0
        self._outcome: tuple[int, str | None] = (0, None)
        self._under_way: set[asyncio.Task[str | None]] = set()
        self._over = asyncio.get_running_loop().create_future()
        self._over.add_done_callback(consume_exception)
        self._stop_timeout_s = program.stop_timeout_s if stop_timeout_s is None else stop_timeout_s
        self._emergency = threading.Timer(self._stop_timeout_s, end, (0,))
        self._emergency.daemon = True
        self._self_metrics = SelfMetrics(self.registry, self.version)

    @property
    def runners(self) -> Sequence[Runner]:
        return self._parts.runners

    @property
    def left_out(self) -> Sequence[Absent]:
        return self._parts.left_out

    @property
    def opened(self) -> Mapping[str, Any]:
        return self._parts.opened

    @property
    def guard(self) -> Guard:
        return self._exporter.guard(self._settings)

    @property
    def warnings(self) -> Sequence[str]:
        return [f"the last reload was refused: {self._refused}"] if self._refused else []

    def config_shown(self) -> str:
        """The settings in force with their defaults; `running` has the schedule of each collector."""
        return shown(self._settings, running=[_effective(one) for one in self.runners])

    @property
    def _settings(self) -> Any:
        return self._first if self._parts.settings is None else self._parts.settings

    async def reload(self) -> str | None:
        """Put the file's configuration into force. Returns None, or one line on why it is not in force.

        Callers that come while a reload is in progress share the next. After ANSWER_S the line says that the
        reload goes on.
        """
        if self._over.done():  # what would be opened now nobody would close
            return _STOPPING
        reloading = asyncio.create_task(self._next_reload(), name="reload")
        self._under_way.add(reloading)
        reloading.add_done_callback(self._under_way.discard)
        done, _ = await asyncio.wait({reloading}, timeout=ANSWER_S)
        if not done:
            return f"the reload is under way after {ANSWER_S:.0f} s and goes on; the log tells its end"
        return _STOPPING if reloading.cancelled() else reloading.result()

    async def _next_reload(self) -> str | None:
        began_before = self._reloads
        await self._started.wait()
        async with self._reloading:
            if self._outcome[0] > began_before:  # one that began since then has ended: it is this one, too
                return self._outcome[1]
            self._reloads += 1
            self._outcome = (self._reloads, await self._reload())
            return self._outcome[1]

    async def _reload(self) -> str | None:
        try:
            settings = await asyncio.to_thread(self._read)
            if settings == self._parts.settings:
                self._reloaded("reloaded, nothing changed")
            else:
                await self._parts.put_into_force(settings)
                self._reloaded("reloaded")
        except ConfigError as error:
            return self._refuse(str(error))
        except Exception as error:  # noqa: BLE001 - the border: a bug in what is new must not end what works
            return self._refuse(f"{type(error).__name__}: {error}", bug=error)
        with suppress(TimeoutError):
            async with asyncio.timeout(TRIED_S):
                await self._parts.tried()
        return None

    async def run(self, access: Access, addresses: Sequence[str], *, most: int = MOST) -> None:
        """Serve until SIGTERM or SIGINT, `most` connections at once.

        Raises:
            ConfigError: It cannot listen there, or the exporter cannot be opened so.
            Exception: A bug: what collects has ended.
        """
        loop = asyncio.get_running_loop()
        loop.set_default_executor(workers(WORKERS))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        server = await serve(application(self, access), addresses, access, most=most)
        self.urls = server.urls
        log.info("listening urls=%s version=%s", ",".join(self.urls), self.version)
        try:
            await self._until_over(self._work())
        finally:
            for reloading in self._under_way:
                reloading.cancel()
            closing = max(self._stop_timeout_s * _CLOSE_SHARE, self._stop_timeout_s - _CLOSE_ALL_BUT_S)
            await asyncio.gather(server.close(), self._close(closing))
            self._emergency.cancel()

    def stop(self) -> None:
        """Stop; a hung source does not hold it up."""
        if not self._over.done():
            self._emergency.start()  # before all else: a log may hang, too
            self._over.set_result(None)
            log.info("stopping")

    async def _until_over(self, work: Coroutine[Any, Any, None]) -> None:
        working = asyncio.create_task(work, name="work")
        try:
            done, _ = await asyncio.wait({working, self._over}, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                one.result()
        finally:
            working.cancel()
            await asyncio.wait({working})

    async def _close(self, within_s: float) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._parts.close(within_s)

    async def _work(self) -> None:
        await self._parts.put_into_force(self._first)
        await self._parts.tried()
        self.ready = True
        self._started.set()
        log.info("ready collectors=%d", len(self.runners))
        while True:
            await self._hang_up.wait()
            self._hang_up.clear()
            await self.reload()

    def _hung_up(self) -> None:
        self._hang_up.set()
        if not self.ready:
            log.info("reload asked for while starting: it follows once every collector has been tried")

    def _reloaded(self, text: str) -> None:
        self._refused = ""
        self._self_metrics.reloaded()
        log.info("%s collectors=%d", text, len(self.runners))

    def _refuse(self, why: str, bug: Exception | None = None) -> str:
        self._refused = why
        self._self_metrics.refused()
        log.error("reload refused, the old configuration stays error=%r", why, exc_info=bug)
        return f"not reloaded, the old configuration stays: {why}"

    def _broken(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)


def _effective(runner: Runner) -> Mapping[str, object]:
    """Schedule and bound of a collector, as `/config` shows them."""
    collector, schedule = runner.collector, runner.collection.schedule
    shown: dict[str, object] = {"collector": collector.name, "cloud": collector.cloud}
    if isinstance(schedule, Every):
        shown |= {"interval": Duration(schedule.interval_s), "max_age": Duration(schedule.max_age_s)}
    return shown | {"timeout": Duration(schedule.timeout_s), "max_series": runner.collection.max_series}


def main(exporter: Exporter, flags: Flags, *, end: End = os._exit) -> int:
    """Run an exporter until SIGTERM or SIGINT.

    Args:
        exporter: What is run.
        flags: Its command line.
        end: Ends the process once it has stopped.

    Returns:
        The exit status: 0, or 2 for a wrong file or key, with one line on standard error.
    """
    logs.set_up(flags.log_level, flags.log_format)
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what is imported by now stays: each full collection would stop the loop 30 ms over it
    try:
        return asyncio.run(_main(exporter, flags, end))
    except ConfigError as error:
        sys.stderr.write(f"stratoscope {exporter.program.name}: {error}\n")
        return USAGE_STATUS


async def _main(exporter: Exporter, flags: Flags, end: End) -> int:
    access = Access.open(flags.web_config_file)
    for address in flags.listen_addresses:
        Address.parse(address)
    storage = flags.storage_path
    app = App(exporter, lambda: settings_of(exporter, flags), storage=storage, end=end)
    if flags.config_check:
        if storage is not None:
            state.check(storage)
        sys.stdout.write(f"{flags.config_file or 'the default configuration'} is good\n")
        return 0
    status = 0
    try:
        with state.locked(storage):
            await app.run(access, flags.listen_addresses, most=flags.max_connections)
    except ConfigError:
        raise
    except Exception:  # the border: whatever it is, the process says so and ends
        log.critical("ended by a bug", exc_info=True)
        status = 1
    end(status)
    return status


def settings_of(exporter: Exporter, flags: Flags) -> object:
    """The settings that the file holds now; without a file, the defaults.

    Raises:
        ConfigError: They cannot be used; it names the file and the key, or the flag, and what is allowed.
    """
    if flags.config_file is None:
        return exporter.parse({}, flags.own)
    document = yaml_file.load(flags.config_file, exporter.program.name)
    try:
        return exporter.parse(document, flags.own)
    except ConfigError as error:
        if str(error).startswith("--"):
            raise
        raise ConfigError(f"{flags.config_file}: {error}") from error
