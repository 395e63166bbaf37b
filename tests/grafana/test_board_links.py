"""Links of dashboards lead where the dashboards say."""

import re
from collections.abc import Mapping
from typing import Final

import pytest

from support import board_parts
from support.board_cases import names
from support.board_parts import Json
from support.board_values import board

BOARDS: Final[Mapping[str, Json]] = {name: board(name) for name in names()}


@pytest.mark.parametrize("name", BOARDS)
def test_no_address_of_a_board_says_where_its_links_lead(name: str) -> None:
    """A link begins with text, not with a variable, whose value is what the address says."""
    found = [*board_parts.addresses(BOARDS[name])]
    assert [one for one in found if not re.match(r"/d/stratoscope-|docs/runbooks/", one)] == []


def test_front_page_leads_to_boards_and_runbooks() -> None:
    """So the test above sees its links."""
    begins = {one.split("/")[1] for one in board_parts.addresses(BOARDS["now"])}
    assert begins == {"d", "runbooks"}
