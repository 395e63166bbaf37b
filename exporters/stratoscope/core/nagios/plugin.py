"""A plug-in from its arguments to its exit status."""

import argparse
import http.client
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stratoscope.core.client.request import AskError, why
from stratoscope.core.nagios.answer import UNKNOWN, Answer, answer


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plug-in.

    Attributes:
        service: What is checked, the first word of the line.
        source: What is asked, as an answer that makes no sense is said not to be its.
        parsed: Parses the arguments, by `flags.Parser`.
        ask: Asks and judges. Whatever it raises is UNKNOWN.
    """

    service: str
    source: str
    parsed: Callable[[Sequence[str]], argparse.Namespace]
    ask: Callable[[argparse.Namespace], Answer]

    def run(self, arguments: Sequence[str]) -> int:
        """Check, and write the line.

        Args:
            arguments: The command line after the command's name.

        Returns:
            The exit status: 0 to 3, as Nagios has it; 3 also for a wrong flag.
        """
        try:
            status, line = self._in_time(self.parsed(arguments))
        except SystemExit as over:
            return int(over.code or 0)
        encoding = sys.stdout.encoding or "ascii"
        sys.stdout.write(f"{line.encode(encoding, 'backslashreplace').decode(encoding)}\n")
        return status

    def _in_time(self, flags: argparse.Namespace) -> Answer:
        """The answer, within the time-out.

        The work is a thread's: nothing else ends a look-up of a name, or an answer that comes byte by byte.
        """
        done: list[Answer] = []
        worker = threading.Thread(target=lambda: done.append(self._asked(flags)), daemon=True)
        worker.start()
        worker.join(flags.timeout)
        return done[0] if done else self._unknown(f"{flags.url}: no answer within {flags.timeout:g} s")

    def _asked(self, flags: argparse.Namespace) -> Answer:
        try:
            return self.ask(flags)
        except AskError as error:
            return self._unknown(str(error))
        except (OSError, http.client.HTTPException) as error:
            return self._unknown(f"{flags.url}: {why(error)}")
        except Exception as error:  # noqa: BLE001 - Python's own exit status for a bug, 1, would be a warning
            what = f"{type(error).__name__}: {error}"
            return self._unknown(f"{flags.url}: not an answer of {self.source}: {what}")

    def _unknown(self, text: str) -> Answer:
        return answer(self.service, UNKNOWN, text)
