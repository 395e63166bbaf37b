"""An exporter's life: command line, start, serve, reload on SIGHUP and `/-/reload`, stop on SIGTERM."""

import argparse
import asyncio
import contextlib
import logging
import os
import platform
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NoReturn

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics

from stratoscope.core import logs, web
from stratoscope.core.auth import Access
from stratoscope.core.collector import Absent, Every
from stratoscope.core.config import load, shown
from stratoscope.core.errors import ConfigError
from stratoscope.core.exporter import Exporter
from stratoscope.core.runner import Runner

log = logging.getLogger(__name__)

STOP_TIMEOUT_S: Final = 1.5
"""How long a stop waits for scrapes under way and for clients to close before the process ends all the same."""


def version() -> str:
    """The version of the installed package."""
    return metadata.version("stratoscope")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        flags = sorted(flag for flag in self._option_string_actions if flag.startswith("--"))
        self.exit(2, f"{self.prog}: {message}; allowed: {', '.join(flags)}\n")


def _arguments(exporter: Exporter, arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(prog=f"stratoscope {exporter.name}", description=exporter.summary, allow_abbrev=False)
    add = parser.add_argument
    add("--config.file", metavar="FILE", help="configuration (YAML); without it the defaults hold")
    add("--config.check", action="store_true", help="check the configuration, say so and end")
    add(
        "--web.listen-address", metavar="ADDRESS", action="append",
        help=f"HOST:PORT, or :PORT for all interfaces; may be given twice (default 127.0.0.1:{exporter.port})",
    )  # fmt: skip
    add("--web.config.file", metavar="FILE", help="TLS and authentication, in exporter-toolkit's format")
    add("--log.level", choices=logs.LEVELS, default="info")
    add("--log.format", choices=logs.FORMATS, default="logfmt")
    for flag, (default, text) in exporter.flags.items():
        add(f"--{flag}", dest=flag, metavar="VALUE", default=default, help=f"{text} (default {default})")
    add("--version", action="version", version=f"stratoscope {version()}")
    return parser.parse_args(arguments)


class _Opened:
    """An exporter opened with one configuration: its runners, and the task that keeps them running."""

    def __init__(self, settings: object, runners: Sequence[Runner], left_out: Sequence[Absent]) -> None:
        self.settings, self.runners, self.left_out = settings, runners, left_out

    async def first(self) -> None:
        await asyncio.gather(*(runner.first() for runner in self.runners))

    async def keep_running(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for runner in self.runners:
                if isinstance(runner.collection.schedule, Every):
                    tasks.create_task(runner.keep_running(runner.collection.schedule))


@contextlib.asynccontextmanager
async def _opened(exporter: Exporter, settings: object) -> AsyncIterator[_Opened]:
    async with exporter.open(settings) as collections:
        runners = [Runner(collection) for collection in collections.running]
        opened = _Opened(settings, runners, collections.left_out)
        background: asyncio.Task[None] | None = None
        try:
            await opened.first()
            background = asyncio.create_task(opened.keep_running(), name="background")
            yield opened
        finally:
            if background is not None:
                background.cancel()
                await asyncio.wait({background})
            await asyncio.gather(*(runner.stop() for runner in runners))


class App:
    """The service that web.py shows: one exporter under the configuration now in force."""

    def __init__(self, exporter: Exporter, arguments: argparse.Namespace) -> None:
        self.name, self.summary, self.version = exporter.name, exporter.summary, version()
        self.ready = False
        self.runners: Sequence[Runner] = ()
        self.left_out: Sequence[Absent] = ()
        self.warnings: list[str] = []
        self.registry = CollectorRegistry()
        self._exporter, self._arguments = exporter, vars(arguments)
        self._settings: Any = None
        self._close = contextlib.AsyncExitStack()
        self._reloading = asyncio.Lock()
        self._stop = asyncio.Event()
        self._reload_ok, self._reload_time = _own_metrics(self.registry, self.version)

    def parse(self) -> object:
        """The settings that the file holds now.

        Raises:
            ConfigError: The file cannot be used.
        """
        file = self._arguments["config.file"]
        flags = {flag: self._arguments[flag] for flag in self._exporter.flags}
        try:
            return self._exporter.parse(load(Path(file)) if file else {}, flags)
        except ConfigError as error:
            text = str(error)
            raise ConfigError(text if not file or text.startswith(file) else f"{file}: {text}") from error

    def config_shown(self) -> str:
        return shown(self._settings)

    async def reload(self) -> str | None:
        """Put the file's configuration into force; a bad one leaves the old in force and its message is returned."""
        async with self._reloading:
            try:
                settings = self.parse()
                await self._put_into_force(settings)
            except ConfigError as error:
                self._reload_ok.set(0)
                log.error("reload refused, the old configuration stays error=%r", str(error))  # noqa: TRY400
                return str(error)
            log.info("reloaded")
            return None

    async def run(self, settings: object, access: Access, addresses: Sequence[str]) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end)
        hang_up = asyncio.Event()
        loop.add_signal_handler(signal.SIGHUP, hang_up.set)
        server = await web.serve(web.application(self, access), addresses, access)
        log.info("listening urls=%s version=%s", ",".join(server.urls), self.version)
        try:
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(self._work(settings, hang_up))
                await self._stop.wait()
                working.cancel()
        finally:
            await asyncio.gather(server.close(), self._close.aclose())

    def _end(self) -> None:
        """Stop; after STOP_TIMEOUT_S the process ends all the same: a hung source must not hold it up."""
        log.info("stopping")
        self._stop.set()
        asyncio.get_running_loop().call_later(STOP_TIMEOUT_S, _exit, 0)

    async def _work(self, settings: object, hang_up: asyncio.Event) -> None:
        async with self._reloading:
            await self._put_into_force(settings)
        self.ready = True
        while True:
            await hang_up.wait()
            hang_up.clear()
            await self.reload()

    async def _put_into_force(self, settings: object) -> None:
        close = contextlib.AsyncExitStack()
        opened = await close.enter_async_context(_opened(self._exporter, settings))
        old, self._close = self._close, close
        self._settings, self.runners, self.left_out = settings, opened.runners, opened.left_out
        self._reload_ok.set(1)
        self._reload_time.set(time.time())
        await old.aclose()


def _own_metrics(registry: CollectorRegistry, number: str) -> tuple[Gauge, Gauge]:
    disable_created_metrics()
    ProcessCollector(registry=registry)
    build = Gauge(
        "stratoscope_build_info", "The running version.", ("version", "pythonversion"), registry=registry
    )
    build.labels(number, platform.python_version()).set(1)
    ok = Gauge(
        "stratoscope_config_last_reload_successful",
        "1 if the last configuration that was read is in force, 0 if it was refused.",
        registry=registry,
    )
    when = Gauge(
        "stratoscope_config_last_reload_success_timestamp_seconds",
        "When the configuration in force was read, as Unix time.",
        registry=registry,
    )
    return ok, when


def main(exporter: Exporter, arguments: Sequence[str]) -> int:
    """Run an exporter until it is told to stop.

    Returns:
        The exit status: 0, or 2 for a wrong flag, file or key, said in one line on standard error.
    """
    try:
        parsed = _arguments(exporter, arguments)
    except SystemExit as end:
        return int(end.code or 0)
    given = vars(parsed)
    logs.set_up(given["log.level"], given["log.format"])
    try:
        return asyncio.run(_main(exporter, parsed))
    except ConfigError as error:
        sys.stderr.write(f"stratoscope {exporter.name}: {error}\n")
        return 2


async def _main(exporter: Exporter, parsed: argparse.Namespace) -> int:
    given = vars(parsed)
    app = App(exporter, parsed)
    settings = app.parse()
    access = Access.open(given["web.config.file"])
    if given["config.check"]:
        sys.stdout.write("configuration is good\n")
        return 0
    addresses = given["web.listen_address"] or [f"127.0.0.1:{exporter.port}"]
    await app.run(settings, access, addresses)
    _exit(0)
    return 0


def _exit(status: int) -> None:
    """End at once, without waiting for threads whose calls hang."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)
