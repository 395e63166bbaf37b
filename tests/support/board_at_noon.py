"""What the queries of a dashboard find at noon, in series that do not change, asked by promtool."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from support.board_values import board, expression
from support.promql import promtool_says

NOON_S: Final = 43_200
_STEP_S: Final = 300
_RANGE_S: Final = 21_600


class BoardAtNoon:
    """One dashboard. Attributes: panels: As in its file."""

    def __init__(self, name: str) -> None:
        self.panels: Sequence[Mapping[str, Any]] = board(name)["panels"]

    def query(self, title: str, cloud: str = ".*", ref: str = "A") -> str:
        """What a panel asks. Args: cloud: As Grafana writes what is chosen."""
        expr = expression(self.panels, title, ref)
        windows = {"$__rate_interval": 4 * _STEP_S, "$__interval": _STEP_S, "$__range": _RANGE_S}
        for name, seconds in windows.items():
            expr = expr.replace(name, f"{seconds}s")
        return expr.replace("$cloud", cloud)

    def differs(
        self, folder: Path, expr: str, series: Mapping[str, float | str], found: Mapping[str, float]
    ) -> str:
        """What promtool says where a query finds others. Series have a value, or several as text."""
        samples = [{"labels": labels, "value": value} for labels, value in found.items()]
        steady = f"+0x{NOON_S // _STEP_S}"
        test: dict[str, Any] = {
            "interval": f"{_STEP_S}s",
            "input_series": [
                {"series": name, "values": value if isinstance(value, str) else f"{value}{steady}"}
                for name, value in series.items()
            ],
            "promql_expr_test": [{"expr": expr, "eval_time": f"{NOON_S}s", "exp_samples": samples}],
        }
        file = folder / "test.yml"
        file.write_text(json.dumps({"tests": [test]}))
        return promtool_says(file)
