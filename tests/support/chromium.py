"""Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@contextmanager
def chromium() -> "Iterator[Browser]":
    """It runs meanwhile. What is missing fails."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - runs without a browser import this, too

    program = shutil.which("chromium")
    assert program is not None, "chromium is not installed; `make browser` installs it"
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()
