"""`stratoscope demo-cloud`: an embedded cloud until SIGTERM or SIGINT, and the configuration for it."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final, NoReturn

from stratoscope.core import folders, logs
from stratoscope.core.client.flags import not_empty
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import Parser
from stratoscope.core.program import USAGE_STATUS
from stratoscope.core.web.listen import Address
from stratoscope.demo import COMMAND
from stratoscope.demo.config_writer import BESIDE, CLOUD, check_own, write_config
from stratoscope.demo.opennebula import seed as of_opennebula
from stratoscope.demo.opennebula.app import OpenNebula
from stratoscope.demo.openstack.app import OpenStack
from stratoscope.demo.openstack.hypervisors.guests import LEAST_HOSTS, shown_hosts
from stratoscope.demo.openstack.hypervisors.writer import moving
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.demo.server import Cloud, serving

log = logging.getLogger(__name__)

_ADDRESS: Final = "127.0.0.1:10980"
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_SIZES: Final = {"vms": (200, 0, 100_000), "hosts": (12, 1, 2_000), "projects": (20, 1, 1_000)}
"""Default, least and most of each."""
_OURS_ALONE: Final = 0o700


def main(arguments: Sequence[str]) -> int:
    """Run the embedded cloud until SIGTERM or SIGINT.

    Args:
        arguments: The command line after the command's name.

    Returns:
        The exit status: 0, or 2 for a wrong flag, with one line on standard error.
    """
    for number in _SIGNALS:
        signal.signal(number, _end)
    try:
        flags = _parser().parse_args(arguments)
        logs.set_up("info", "logfmt")
        size = Size(flags.vms, flags.hosts, flags.projects)
        asyncio.run(_run(flags, size, _file(flags), _folder(flags)))
    except ConfigError as error:
        sys.stderr.write(f"stratoscope demo-cloud: {error}\n")
        return USAGE_STATUS
    except SystemExit as over:
        return int(over.code or 0)
    return 0


def _file(flags: argparse.Namespace) -> Path | None:
    """Where to write the configuration; checked before the cloud is built, which takes long."""
    if flags.write_config is None:
        return None
    path = flags.write_config
    file = Path(os.path.abspath(path))  # noqa: PTH100 - it resolves `..`, too
    beside = file.parent / BESIDE[flags.kind]
    if not file.parent.is_dir():
        raise ConfigError(f"--write-config: {file.parent}: No such directory")
    for one in (file, beside):
        is_other = one.exists() and not one.is_file()
        if is_other or (one == file and path.endswith("/")):
            what = "expected the name of a file, got a directory or a device"
            raise ConfigError(f"--write-config: {one}: {what}")
    if file == beside:
        what = f"the {beside.name} is written beside it; allowed: another name"
        raise ConfigError(f"--write-config: {file}: {what}")
    for one in (file, beside):
        check_own(one)
    return file


def _folder(flags: argparse.Namespace) -> Path | None:
    """Where to write the files of two hosts: new, or empty and ours alone, since nothing there is deleted.

    A new one is made at once, so that nobody else makes it.
    """
    if flags.write_hosts is None:
        return None
    if flags.kind != "openstack":
        raise ConfigError("--write-hosts: there are no files of hosts yet; allowed: --kind=openstack")
    if flags.hosts < LEAST_HOSTS:
        raise ConfigError(f"--write-hosts: needs more hosts; allowed: --hosts={LEAST_HOSTS} or more")
    folder = Path(os.path.abspath(flags.write_hosts))  # noqa: PTH100 - it resolves `..`, too
    if not folder.parent.is_dir():
        raise ConfigError(f"--write-hosts: {folder.parent}: No such directory")
    folders.check(folder, "--write-hosts")
    try:
        folder.mkdir(_OURS_ALONE)
    except FileExistsError:
        if not folder.is_dir() or any(folder.iterdir()):
            raise ConfigError(f"--write-hosts: {folder}: expected a new or empty folder") from None
        folders.check(folder, "--write-hosts")  # somebody may have made it since
    except OSError as error:
        raise ConfigError(f"--write-hosts: {folder}: {error.strerror}") from error
    return folder


async def _run(flags: argparse.Namespace, size: Size, file: Path | None, folder: Path | None) -> None:
    addresses = flags.listen or [_ADDRESS]
    for address in addresses:
        Address.parse(address)
    make = build if flags.kind == "openstack" else of_opennebula.build
    world = make(size, seed=flags.seed, now=time.time())
    shown = () if folder is None else shown_hosts(world)
    cloud: Cloud = (OpenStack if flags.kind == "openstack" else OpenNebula)(world, time.time)
    gc.freeze()  # collections need not visit what lives as long as the process
    over = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(serving(cloud, addresses))
        tasks = [running.advancing]
        if folder is not None:
            tasks.append(await stack.enter_async_context(moving(shown, world, folder, CLOUD)))
        if file is not None:
            write_config(file, running.urls[0], flags.kind)
        log.info("listening urls=%s vms=%d hosts=%d", ",".join(running.urls), size.vms, size.hosts)
        await _until(over, tasks)
        log.info("stopping")


async def _until(over: asyncio.Event, tasks: Iterable[asyncio.Task[None]]) -> None:
    """Wait for a signal. Raises what a task fails with: a cloud that stands still would look well."""
    signalled = asyncio.create_task(over.wait())
    done, _ = await asyncio.wait({signalled, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    for task in done:
        task.result()


def _end(*_: object) -> NoReturn:
    """Ends the process while the world is built; later the loop handles the signals."""
    raise SystemExit(0)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="stratoscope demo-cloud", description=COMMAND.summary)
    add = parser.add_argument
    kinds = f"{' or '.join(BESIDE)} (default openstack)"
    add("--kind", metavar="KIND", type=_kind, default="openstack", help=kinds)
    for name, (default, least, most) in _SIZES.items():
        add(
            f"--{name}", metavar="NUMBER", type=partial(_integer, least, most), default=default,
            help=f"{least} to {most} (default {default})",
        )  # fmt: skip
    add(
        "--seed", metavar="NUMBER", type=partial(_integer, 0, 2**63), default=1,
        help="the same number makes the same cloud (default 1)",
    )  # fmt: skip
    add(
        "--web.listen-address", metavar="ADDRESS", dest="listen", type=not_empty, action="append",
        help=f"HOST:PORT, or :PORT for all interfaces; may be given twice (default {_ADDRESS})",
    )  # fmt: skip
    add(
        "--write-config", metavar="FILE", type=not_empty,
        help="once it listens, write a block `clouds:` there, and the credentials that it names beside it",
    )  # fmt: skip
    add(
        "--write-hosts", metavar="FOLDER", type=not_empty,
        help="for two of the hosts, write there what a hypervisor exporter reads, and its configuration",
    )  # fmt: skip
    return parser


def _integer(least: int, most: int, text: str) -> int:
    """A whole number within bounds."""
    if text.isdecimal() and least <= int(text) <= most:
        return int(text)
    allowed = f"whole numbers from {least} to {most}"
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed; allowed: {allowed}")


def _kind(text: str) -> str:
    if text in BESIDE:
        return text
    raise argparse.ArgumentTypeError(f"unknown: {text}; allowed: {', '.join(BESIDE)}")
