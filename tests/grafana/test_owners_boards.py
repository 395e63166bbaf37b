"""What the boards for owners of VMs say of a small cloud: their queries, asked by promtool."""

from pathlib import Path
from typing import Final

import pytest

from support.board_values import board, check, filled, query

DOWN: Final = 'project:stratoscope_downtime_active:max{cloud="uni", project_id="p", '
VM: Final = 'vm:stratoscope_vm_info:unique{cloud="uni", project_id="p", vm_id="1", zone="a", host="n1"}'


@pytest.mark.parametrize(
    ("labels", "concerns_it"),
    [
        ('scope="vm", vm_id="1"', True),
        ('scope="vm", vm_id="2"', False),
        ('scope="host", host="n1"', True),
        ('scope="host", host="n2"', False),
        ('scope="zone", zone="a"', True),
        ('scope="zone", zone="b"', False),
        ('scope="project"', True),
        ('scope="cloud"', True),
    ],
)
def test_downtimes_of_one_vm_are_those_that_concern_it(
    labels: str, *, concerns_it: bool, tmp_path: Path
) -> None:
    (annotation,) = board("vm")["annotations"]["list"]
    series = {VM: "1x100", f"{DOWN}{labels}}}": "1x100"}
    check(tmp_path, filled(annotation["expr"]), series, {f"{DOWN}{labels}}}": 1} if concerns_it else {})
    scope = labels.partition(",")[0]
    panel = query("vm", "Down on purpose now")
    check(tmp_path, panel, series, {f"{{{scope}}}": 1} if concerns_it else {})
