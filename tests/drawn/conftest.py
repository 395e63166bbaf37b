"""The page that draws dashboards, and a browser. `make dashboards-check` installs both; nothing skips."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.chromium import chromium
from support.drawn_board import Drawing, bundle, drawing

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def page(browser: "Browser") -> Iterator[Drawing]:
    with drawing(browser, bundle()) as page:
        yield page
