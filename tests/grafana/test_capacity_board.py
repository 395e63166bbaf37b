"""Which flavors the board of capacity shows, of more than fit."""

from pathlib import Path
from typing import Final

import pytest

from support.board_values import check, query

ROOM: Final = 'flavor:stratoscope_management_flavor_room_vms:max{cloud="lab",flavor="%s",zone="a"}'


@pytest.mark.parametrize("title", ["Room by flavor", "Room over time"])
def test_flavor_that_never_fits_takes_no_place_of_one_that_is_full(title: str, tmp_path: Path) -> None:
    never: dict[str, float | str] = {ROOM % f"gpu{number}": 0 for number in range(60)}
    shown = {ROOM % "small": 9, ROOM % "full": 0}
    series = never | {ROOM % "small": 9, ROOM % "full": "3x50 0+0x40"}
    check(tmp_path, query("capacity", title), series, shown)
