"""Days of UTC over three days, by promtool: the records of days alone, each 5 min, on given minutes."""

import json
import shutil
import subprocess
from pathlib import Path

import msgspec

from stratoscope.rules import bundle

LABELS = '{scope="zone", cloud="lab", zone="z"}'
EVEN, ODD = (LABELS.replace("{", f'{{day="{day}", ') for day in ("even", "odd"))
MINUTE = "scope:stratoscope_availability_{}:minute{}"
# The first day is up; the second is critical for 10 h; in the third, Prometheus stands still for 2 h.
SERIES = {
    MINUTE.format("up", EVEN): "1x1439 _x1440 1x719 _x120 1x599 _x1440",
    MINUTE.format("known", EVEN): "1x1439 _x1440 1x719 _x120 1x599 _x1440",
    MINUTE.format("up", ODD): "_x1440 0+0x599 1x839 _x1440 0+0x100",
    MINUTE.format("known", ODD): "_x1440 1x1439 _x1440 1x100",
}
ASKED = {
    # At midnight, the new day has one minute, which counts as a whole; yesterday is there at once.
    1440: {"up_seconds:yesterday": 86400, "unknown_seconds:yesterday": 0, "unknown_seconds:today": 0},
    # To its end, the second day says the same of the first, and of the second what is so far.
    2875: {"up_seconds:yesterday": 86400, "up_seconds:today": 836 * 60, "unknown_seconds:today": 0},
    2880: {"up_seconds:yesterday": 840 * 60, "up_seconds:today": 60, "unknown_seconds:yesterday": 0},
    4315: {"up_seconds:yesterday": 840 * 60, "up_seconds:today": 1316 * 60, "unknown_seconds:today": 7200},
    4320: {"up_seconds:yesterday": 1320 * 60, "unknown_seconds:yesterday": 7200, "up_seconds:today": 0},
}


def test_a_day_is_its_own_minutes_and_what_has_none_is_unknown(tmp_path: Path) -> None:
    rules = [
        msgspec.to_builtins(rule)
        for group in bundle.sources()["availability"]
        for rule in group.rules
        if rule.record.startswith("day:") or rule.record.endswith(("_seconds:today", "_seconds:yesterday"))
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "days", "rules": rules}]}))
    asked = [
        {
            "expr": f"sum by (cloud) (scope:stratoscope_availability_{record})",
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": '{cloud="lab"}', "value": value}],
        }
        for minute, records in ASKED.items()
        for record, value in records.items()
    ]
    given = [{"series": series, "values": values} for series, values in SERIES.items()]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": asked}
    content = {"rule_files": ["rules.yml"], "evaluation_interval": "5m", "tests": [test]}
    (tmp_path / "test.yml").write_text(json.dumps(content))
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is not on PATH; `make tools` gets it"
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
