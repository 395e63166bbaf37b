"""Owners' queries stop no alerts: docs/dashboards-for-owners.md gives owners a Prometheus without rules."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from support.debian import unpacked
from support.label_proxy import PAGE, label_proxy
from support.patience import FAR_S
from support.prometheus_process import QUICK, Prometheus

pytestmark = pytest.mark.integration

MINE: Final = "p1"
OWNERS: Final = 24
"""More than the 20 places for queries, in which rules wait, too."""
DEAR: Final = 'sum(count_over_time(rate({__name__=~".+"}[1h])[300d:1s]))'
ASKED_FOR_S: Final = 15
RULES: Final = {
    "groups": [
        {
            "name": "each second",
            "rules": [
                {"record": "cloud:one", "expr": "vector(1)"},
                *(
                    {"record": f"vm:number_{n}", "expr": "vector(1)", "labels": {"project_id": project}}
                    for n in range(50)
                    for project in (MINE, "p0")
                ),
            ],
        }
    ]
}
FLAGS: Final = ("-label=project_id", f"-label-value={MINE}")


def written_to(url: str) -> dict[str, object]:
    """The page's `remote_write`, to this URL."""
    (block,) = re.findall(r"```yaml\n(remote_write:.+?)```", PAGE.read_text(), re.DOTALL)
    found: dict[str, list[dict[str, object]]] = yaml.safe_load(block)
    (one,) = found["remote_write"]
    return {"remote_write": [one | {"url": f"{url}/api/v1/write"}]}


def flags_for_owners() -> list[str]:
    """Those of the page's command that no other test sets itself."""
    text = PAGE.read_text().replace("\\\n", " ")
    (command,) = re.findall(r"^ +prometheus (.+)$", text, re.MULTILINE)
    ours = ("--config.file", "--web.listen-address", "--storage.tsdb.path")
    return [one for one in command.split() if not one.startswith(ours)]


@contextmanager
def running(folder: Path, *flags: str, rules: dict[str, object], **config: object) -> Iterator[Prometheus]:
    folder.mkdir()
    program = unpacked("prometheus", "sid") / "usr/bin/prometheus"
    found = Prometheus(folder, {**QUICK, **config}, rules, *flags, program=program)
    found.start()
    try:
        yield found
    finally:
        found.stop()


def evaluations(prometheus: Prometheus) -> float:
    """How often the group was evaluated, without those that it missed. This page waits for no query."""
    with urlopen(f"{prometheus.url}/metrics", timeout=FAR_S) as answer:  # noqa: S310 - loopback
        page = answer.read().decode()
    planned, missed = (
        sum(
            map(
                float,
                re.findall(rf"^prometheus_rule_group_iterations_{one}\{{.+\}} (\S+)$", page, re.MULTILINE),
            )
        )
        for one in ("total", "missed_total")
    )
    return planned - missed


def evaluated_meanwhile(prometheus: Prometheus, url: str) -> float:
    """How often the rules are evaluated while owners ask this URL."""
    until = time.monotonic() + ASKED_FOR_S
    threads = [Thread(target=_ask, args=(url, until)) for _ in range(OWNERS)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    before = evaluations(prometheus)
    time.sleep(until - time.monotonic() - 1)
    after = evaluations(prometheus)
    for thread in threads:
        thread.join()
    return after - before


def _ask(url: str, until: float) -> None:
    """Dear queries, one after the other; some are refused."""
    asked = f"{url}/api/v1/query?{urlencode({'query': DEAR})}"
    while (left_s := until - time.monotonic()) > 0:
        try:
            urlopen(asked, timeout=left_s).close()  # noqa: S310 - loopback
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)


def wait_for(prometheus: Prometheus, expr: str) -> None:
    until = time.monotonic() + FAR_S
    while not prometheus.ask(expr):
        assert time.monotonic() < until, expr
        time.sleep(0.2)


def test_rules_go_on_while_owners_ask_what_they_can(tmp_path: Path) -> None:
    none: dict[str, object] = {"groups": []}
    with (
        running(tmp_path / "owners", *flags_for_owners(), rules=none) as theirs,
        running(tmp_path / "site", rules=RULES, **written_to(theirs.url)) as site,
        label_proxy(theirs.url, tmp_path, FLAGS) as url,
    ):
        wait_for(site, "cloud:one")
        wait_for(theirs, f'vm:number_0{{project_id="{MINE}"}}')
        assert evaluated_meanwhile(site, url) >= ASKED_FOR_S / 3
        assert theirs.ask('{project_id=""}') == {}, "only what has a project is written to it"


def test_rules_would_wait_for_owners_of_their_own_prometheus(tmp_path: Path) -> None:
    """Why the page asks for a second one: the next query takes the place of one that is over."""
    with (
        running(tmp_path / "site", "--query.timeout=20s", "--query.max-samples=1000000", rules=RULES) as site,
        label_proxy(site.url, tmp_path, FLAGS) as url,
    ):
        wait_for(site, "cloud:one")
        assert evaluated_meanwhile(site, url) <= 2
