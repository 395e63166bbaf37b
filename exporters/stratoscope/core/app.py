"""An exporter's life: start, serve, reload on SIGHUP and `/-/reload`, stop on SIGTERM and SIGINT."""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry

from stratoscope.core import logs, yaml_file
from stratoscope.core.collector import Absent
from stratoscope.core.config import shown
from stratoscope.core.errors import ConfigError
from stratoscope.core.exporter import Exporter
from stratoscope.core.flags import USAGE_STATUS, Flags, version
from stratoscope.core.generation import Running
from stratoscope.core.runner import Runner
from stratoscope.core.self_metrics import SelfMetrics
from stratoscope.core.threads import workers
from stratoscope.core.web.auth import Access
from stratoscope.core.web.listen import MOST, Address
from stratoscope.core.web.server import application, serve

__all__ = ["App", "main", "settings_of", "version"]

log = logging.getLogger(__name__)

WORKERS: Final = 4
"""Threads that render and compress pages; more would only wait for each other."""

SWITCH_S: Final = 0.001
"""How long a thread may keep the loop waiting for its turn; Python's own 5 ms add up over a scrape."""

STOP_TIMEOUT_S: Final = 1.5
"""After how long a stop ends the process all the same: what hangs may be the loop itself."""
_OF_IT_TO_CLOSE: Final = 2 / 3

End = Callable[[int], object]
"""Ends the process with an exit status, at once: it does not wait for threads whose calls hang."""


class App:
    """The service that web.py shows: one exporter under the configuration now in force.

    Attributes:
        urls: Where it listens, as soon as it does.
    """

    def __init__(
        self,
        exporter: Exporter,
        read: Callable[[], Any],
        *,
        end: End = os._exit,
        stop_timeout_s: float = STOP_TIMEOUT_S,
    ) -> None:
        """Read the configuration for the first time; in the loop that will run it.

        Args:
            exporter: What is run.
            read: The settings that the configuration file holds now; raises ConfigError.
            end: Ends the process when a stop takes longer than `stop_timeout_s`.

        Raises:
            ConfigError: The configuration cannot be used.
        """
        self.name, self.summary, self.version = exporter.name, exporter.summary, version()
        self.ready = False
        self.urls: Sequence[str] = ()
        self.registry = CollectorRegistry()
        self._exporter, self._read = exporter, read
        self._hang_up = asyncio.Event()
        # Before the file is read: what changes in it from now on is read again.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._hung_up)
        self._running = Running(exporter, read())
        self._refused = ""
        self._started, self._reloading = asyncio.Event(), asyncio.Lock()
        self._reloads = 0
        self._outcome: tuple[int, str | None] = (0, None)
        self._over = asyncio.get_running_loop().create_future()
        self._emergency = threading.Timer(stop_timeout_s, end, (0,))
        self._emergency.daemon = True
        self._self_metrics = SelfMetrics(self.registry, self.version)

    @property
    def runners(self) -> Sequence[Runner]:
        return self._running.runners

    @property
    def left_out(self) -> Sequence[Absent]:
        return self._running.left_out

    @property
    def warnings(self) -> Sequence[str]:
        return [f"the last reload was refused: {self._refused}"] if self._refused else []

    def config_shown(self) -> str:
        """The settings in force with their defaults, and as `running` what each collector makes of them."""
        return shown(self._running.settings, running=self._running.effective())

    async def reload(self) -> str | None:
        """Put the file's configuration into force; a bad one leaves the old in force, and why is returned.

        Those who ask while one is under way share the next.
        """
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
            await self._put_into_force(await asyncio.to_thread(self._read))
        except ConfigError as error:
            return self._refuse(str(error))
        except Exception as error:  # noqa: BLE001 - the border: a bug in what is new must not end what works
            return self._refuse(f"{type(error).__name__}: {error}", bug=error)
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
        self._running.start()
        try:
            await self._until_over(self._work())
        finally:
            closing = self._running.close(self._emergency.interval * _OF_IT_TO_CLOSE)
            await asyncio.gather(server.close(), closing)
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

    async def _work(self) -> None:
        await self._running.tried()
        self._running.when_broken(self._broken)
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

    async def _put_into_force(self, settings: object) -> None:
        """Begin anew with other settings; the same leave sessions, counters and snapshots as they are."""
        if settings == self._running.settings:
            self._reloaded("reloaded, nothing changed")
        else:
            await self._replace(settings)

    async def _replace(self, settings: object) -> None:
        """Let the settings come into force once every collector has been tried under them."""
        new = Running(self._exporter, settings)
        new.start()
        try:
            await new.tried()
        except BaseException:
            await new.close()
            raise
        if self._over.done():
            await new.close()
            raise ConfigError("it is stopping")
        new.when_broken(self._broken)
        old, self._running = self._running, new
        self._reloaded("reloaded")
        await old.close()

    def _reloaded(self, said: str) -> None:
        self._refused = ""
        self._self_metrics.reloaded()
        log.info("%s collectors=%d", said, len(self.runners))

    def _refuse(self, why: str, bug: Exception | None = None) -> str:
        self._refused = why
        self._self_metrics.refused()
        log.error("reload refused, the old configuration stays error=%r", why, exc_info=bug)
        return why

    def _broken(self, error: BaseException) -> None:
        if not self._over.done():
            self._over.set_exception(error)


def main(exporter: Exporter, flags: Flags, *, end: End = os._exit) -> int:
    """Run an exporter until it is told to stop.

    Args:
        exporter: What is run.
        flags: Its command line.
        end: Ends the process once it has stopped.

    Returns:
        The exit status: 0, or 2 for a wrong file or key, said in one line on standard error.
    """
    logs.set_up(flags.log_level, flags.log_format)
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what is imported by now stays: each full collection would stop the loop 30 ms over it
    try:
        return asyncio.run(_main(exporter, flags, end))
    except ConfigError as error:
        sys.stderr.write(f"stratoscope {exporter.name}: {error}\n")
        return USAGE_STATUS


async def _main(exporter: Exporter, flags: Flags, end: End) -> int:
    access = Access.open(flags.web_config_file)
    for address in flags.listen_addresses:
        Address.parse(address)
    app = App(exporter, lambda: settings_of(exporter, flags), end=end)
    if flags.config_check:
        sys.stdout.write(f"{flags.config_file or 'the default configuration'} is good\n")
        return 0
    status = 0
    try:
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
    document = yaml_file.load(flags.config_file)
    try:
        return exporter.parse(document, flags.own)
    except ConfigError as error:
        if str(error).startswith("--"):
            raise
        raise ConfigError(f"{flags.config_file}: {error}") from error
