"""An exporter's life: start, serve, reload on SIGHUP and `/-/reload`, stop on SIGTERM and SIGINT."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from stratoscope.core import logs, state, yaml_file
from stratoscope.core.collector import Every
from stratoscope.core.config import Duration, shown
from stratoscope.core.errors import ConfigError
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import Flags
from stratoscope.core.part import Site
from stratoscope.core.parts import Parts
from stratoscope.core.program import USAGE_STATUS, version
from stratoscope.core.runner import Runner
from stratoscope.core.self_metrics import SelfMetrics
from stratoscope.core.singleflight import consume_exception, has_result
from stratoscope.core.threads import workers
from stratoscope.core.web.asking.settings import Guard
from stratoscope.core.web.auth import Access
from stratoscope.core.web.listen import MOST, Address
from stratoscope.core.web.routes import roles_of
from stratoscope.core.web.server import application, serve

log = logging.getLogger(__name__)

WORKERS: Final = 4
"""Threads that render and compress pages; more would only wait for each other."""

SWITCH_S: Final = 0.001
"""How long a thread may keep the loop waiting for its turn; Python's own 5 ms add up over a scrape."""

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
        self, exporter: Exporter, read: Callable[[], Any], *, storage: Path | None = None, end: End = os._exit
    ) -> None:
        """Read the configuration, by `read`, now and at each reload; nothing is opened yet.

        A stop that exceeds its time-out calls `end`.

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
        self._users: Callable[[], Collection[str]] = frozenset
        self._started, self._reloading = asyncio.Event(), asyncio.Lock()
        self._next: asyncio.Task[str | None] | None = None
        self._tasks: set[asyncio.Task[str | None]] = set()
        self._over = asyncio.get_running_loop().create_future()
        self._over.add_done_callback(consume_exception)
        # Before the file is read: what changes in it from now on is read again.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hung_up)
        self.parts = Parts(exporter, Site(self.registry, storage), read(), self._broken)
        self._refused = ""
        self._emergency = threading.Timer(program.stop_timeout_s, end, (0,))
        self._emergency.daemon = True
        self._self_metrics = SelfMetrics(self.registry, program.name, self.version)

    @property
    def guard(self) -> Guard:
        return self._exporter.guard(self.parts.settings)

    @property
    def warnings(self) -> Sequence[str]:
        return [f"the last reload was refused: {self._refused}"] if self._refused else []

    def config_shown(self) -> str:
        """The settings in force with their defaults; `running` has the schedule of each collector."""
        return shown(self.parts.settings, running=[_effective(one) for one in self.parts.runners])

    async def reload(self) -> str | None:
        """Put the file's configuration into force. Returns None, or one line on why it is not in force.

        Raises:
            TimeoutError: It is still under way after ANSWER_S, and goes on.
        """
        if self._over.done():  # what would be opened now nobody would close
            return _STOPPING
        reloading = self._next_reload()
        if await has_result(reloading, ANSWER_S):
            return reloading.result()
        if reloading.done():
            return _STOPPING
        raise TimeoutError(
            f"the reload is under way after {ANSWER_S:.0f} s and goes on; the log tells its end"
        )

    def _next_reload(self) -> "asyncio.Task[str | None]":
        """The reload that has not begun yet: all who ask before it begins share it."""
        if self._next is None:
            self._next = self._start(self._reload(), "reload")
        return self._next

    async def _reload(self) -> str | None:
        await self._started.wait()
        async with self._reloading:
            self._next = None
            try:
                settings = await asyncio.to_thread(self._read)
                self._check_guard(settings)
                if settings == self.parts.settings:
                    self._reloaded("reloaded, nothing changed")
                else:
                    await self.parts.put_into_force(settings)
                    self._reloaded("reloaded")
            except Exception as error:  # noqa: BLE001 - the border: a bug in what is new must not end what works
                return self._refuse(error)
            with suppress(TimeoutError):
                async with asyncio.timeout(TRIED_S):
                    await self.parts.tried()
            return None

    def _check_guard(self, settings: object) -> None:
        """Reject settings under which clients of this machine are no longer kept out.

        Raises:
            ConfigError: It needs a restart: the file may be truncated, or just being written.
        """
        users = self._users()
        if self._exporter.guard(settings).admits_loopback(users) and not self.guard.admits_loopback(users):
            raise ConfigError(
                f"{self.name}: all clients on this machine would have all roles; that needs a restart"
            )

    async def run(self, access: Access, addresses: Sequence[str], *, most: int = MOST) -> None:
        """Serve until SIGTERM or SIGINT, `most` connections at once.

        Raises:
            ConfigError: It cannot listen there, or the exporter cannot be opened so.
            Exception: A bug: what collects has ended.
        """
        loop = asyncio.get_running_loop()
        self._users = lambda: access.in_force.users
        loop.set_default_executor(workers(WORKERS))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        server = await serve(application(self, access, most=most), addresses, access)
        self.urls = server.urls
        log.info("listening urls=%s version=%s", ",".join(self.urls), self.version)
        self._start(self._open(), "open")
        try:
            await self._over
        finally:
            await asyncio.gather(server.close(), self._close())
            self._emergency.cancel()

    def stop(self) -> None:
        """Stop; a hung source does not hold it up."""
        if not self._over.done():
            self._emergency.start()  # before all else: a log may hang, too
            self._over.set_result(None)
            log.info("stopping")

    def _start(self, work: Coroutine[Any, Any, str | None], name: str) -> "asyncio.Task[str | None]":
        """A task that a stop cancels, and for whose outcome nobody may wait."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(consume_exception)
        return task

    async def _open(self) -> None:
        try:
            await self.parts.put_into_force(self.parts.settings)
            await self.parts.tried()
        except Exception as error:  # noqa: BLE001 - `run` raises it
            self._broken(error)
            return
        self.ready = True
        self._started.set()
        log.info("ready collectors=%d", len(self.parts.runners))

    async def _close(self) -> None:
        """Takes two thirds of the time of a stop at most, or all but 0.5 s if that is longer."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        stop_s = self._exporter.program.stop_timeout_s
        await self.parts.close(max(stop_s * 2 / 3, stop_s - 0.5))

    def _hung_up(self) -> None:
        if not self.ready:
            log.info("reload asked for while starting: it follows once every collector has been tried")
        if not self._over.done():
            self._next_reload()

    def _reloaded(self, text: str) -> None:
        self._refused = ""
        self._self_metrics.reloaded()
        log.info("%s collectors=%d", text, len(self.parts.runners))

    def _refuse(self, error: Exception) -> str:
        bug = None if isinstance(error, ConfigError) else error
        self._refused = f"{type(error).__name__}: {error}" if bug else str(error)
        self._self_metrics.refused()
        log.error("reload refused, the old configuration stays error=%r", self._refused, exc_info=bug)
        return f"not reloaded, the old configuration stays: {self._refused}"

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
    """Run an exporter until SIGTERM or SIGINT; then `end` is called.

    Returns:
        The exit status: 0, or 2 for a wrong file or key, with one line on standard error.
    """
    logs.set_up(flags.log_level, flags.log_format)
    sys.setswitchinterval(SWITCH_S)
    try:
        return asyncio.run(_main(exporter, flags, end))
    except ConfigError as error:
        sys.stderr.write(f"stratoscope {exporter.program.name}: {error}\n")
        return USAGE_STATUS


async def _main(exporter: Exporter, flags: Flags, end: End) -> int:
    access = Access.open(flags.web_config_file)
    for address in flags.web_listen_address:
        Address.parse(address)
    storage = flags.storage_path
    app = App(exporter, lambda: settings_of(exporter, flags), storage=storage, end=end)
    gc.freeze()  # the imported modules stay: each full collection would stop the loop 30 ms over them
    for warning in app.guard.warnings(access.in_force.users, roles_of(exporter.routes)):
        log.warning("%s", warning)
    if flags.config_check:
        if storage is not None:
            state.check(storage)
        return await _checked(exporter, flags, app.parts.settings)
    status = 0
    try:
        with state.locked(storage):
            await app.run(access, flags.web_listen_address, most=flags.web_max_connections)
    except ConfigError:
        raise
    except Exception:  # the border: whatever it is, the process says so and ends
        log.critical("ended by a bug", exc_info=True)
        status = 1
    end(status)
    return status


async def _checked(exporter: Exporter, flags: Flags, settings: object) -> int:
    """Print the result of a check of settings that have been read. Returns the exit status."""
    file = flags.config_file or "the default configuration"
    wrong = await exporter.check_online(settings) if flags.online and exporter.check_online else ()
    if wrong:
        sys.stderr.writelines(f"stratoscope {exporter.program.name}: {file}: {line}\n" for line in wrong)
        return USAGE_STATUS
    sys.stdout.write(f"{file} is good\n")
    return 0


def settings_of(exporter: Exporter, flags: Flags) -> object:
    """The settings that the file holds now; without a file, the defaults.

    Raises:
        ConfigError: They cannot be used; it names the file and the key, or the flag, and what is allowed.
    """
    if flags.config_file is None:
        return _parsed(exporter, {}, flags)
    document = yaml_file.load(flags.config_file, exporter.program.name)
    try:
        return _parsed(exporter, document, flags)
    except ConfigError as error:
        if str(error).startswith("--"):
            raise
        raise ConfigError(f"{flags.config_file}: {error}") from error


def _parsed(exporter: Exporter, document: Mapping[str, Any], flags: Flags) -> object:
    """The settings; each role in them is one that a route requires. Raises ConfigError."""
    settings: object = exporter.parse(document, flags.own)
    access = exporter.guard(settings).access
    access.check_roles(roles_of(exporter.routes), f"{exporter.program.name}.access")
    return settings
