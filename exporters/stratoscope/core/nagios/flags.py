"""The flags of a plug-in. A wrong one is UNKNOWN: the usual status 2 would be CRITICAL."""

import sys
from typing import NoReturn

from stratoscope.core.client import flags
from stratoscope.core.nagios.answer import UNKNOWN, answer


class Parser(flags.Parser):
    """As that of other commands, but a wrong flag is an answer."""

    def __init__(self, service: str, *, asks: str, default_url: str, **more: str) -> None:
        """Args: service: What is checked, the first word of the line."""
        super().__init__(asks=asks, default_url=default_url, **more)
        self._service = service

    def error(self, message: str) -> NoReturn:
        sys.stdout.write(f"{answer(self._service, UNKNOWN, self.words(message)).line}\n")
        raise SystemExit(UNKNOWN)
