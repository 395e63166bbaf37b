"""`stratoscope demo`: the whole family on one machine, until Ctrl-C."""

import argparse
import math
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stratoscope.core.client.flags import path, seconds
from stratoscope.core.flags import Parser
from stratoscope.show import COMMAND, events, exporters, packages, shown
from stratoscope.show.events import Watch
from stratoscope.show.running import Running
from stratoscope.show.terminal import DemoError, Stop, Stopped, printable, say

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str]) -> int:
    """Show the demo until a signal comes; LIBVIRT_DEFAULT_URI names another libvirt than qemu:///system.

    Args:
        arguments: The command line after the command's name.

    Returns:
        The exit status: 0; 1 if something does not run or, with --seconds, was not seen; 2 for a wrong flag.
    """
    try:
        flags = _parser().parse_args(arguments)
    except SystemExit as over:
        return int(over.code or 0)
    stop = Stop()
    for number in _SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    tools = packages.cache() if flags.tools is None else flags.tools
    with tempfile.TemporaryDirectory(prefix="stratoscope-demo-") as folder:
        try:
            exporters.check_extras()
            _show(Running(Path(folder), tools, stop), flags.seconds)
        except Stopped:
            say("demo: all programs have ended")
        except DemoError as error:
            sys.stderr.write(printable(f"stratoscope demo: {error}") + "\n")
            return 1
    return 0


def _show(running: Running, seconds_s: float | None) -> None:
    """Show it all, and end it all whatever happens.

    Raises:
        DemoError: A program did not start, or has ended; or with `seconds_s` something was not seen.
        Stopped: A signal came.
    """
    began = time.monotonic()
    say("demo: two embedded clouds, their exporters, Prometheus and Alertmanager start; some 15 s")
    try:
        running.start()
        shown.addresses(running)
        watch = Watch(running, began, events.events(running))
        watch.follow()
        unseen = watch.left[:]
        watch.left += shown.answers(running)
        say(f"ends by itself after {seconds_s:g} s" if seconds_s is not None else "Ctrl-C ends it")
        watch.go_on(math.inf if seconds_s is None else seconds_s, to_the_end=True)
        _judge(running, [one.text for one in unseen if one in watch.left])
    except DemoError:
        running.stop.wait(events.LOOK_S)
        running.check()  # a program that has ended does not answer: what it said tells more
        raise
    finally:
        running.end()


def _judge(running: Running, unseen: list[str]) -> None:
    """Raises DemoError: Something has ended, or was not seen."""
    if running.lost:
        raise DemoError(f"ended while the demo ran: {', '.join(running.lost)}")
    if unseen:
        raise DemoError(f"not seen: {'; '.join(unseen)}")
    if not running.prometheus:
        say("alerts and answers were not looked at: there is no Prometheus")


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="stratoscope demo", description=COMMAND.summary)
    parser.add_argument(
        "--seconds",
        type=seconds,
        metavar="TIME",
        help="end by itself so long after the answers; then the status is 1 if something was not seen that is"
        " promised (default: Ctrl-C ends it, with status 0)",
    )
    parser.add_argument(
        "--tools",
        type=_folder,
        metavar="FOLDER",
        help="where Prometheus and Alertmanager are unpacked if not on PATH (default ~/.cache/stratoscope)",
    )
    return parser


def _folder(text: str) -> Path:
    """The type of a flag that names a folder, which need not exist yet."""
    folder = path(text).absolute()
    if folder.exists() and not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: expected a folder, got a file")
    return folder
