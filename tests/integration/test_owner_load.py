"""Owners' queries stop no alerts: docs/dashboards-for-owners.md gives owners a Prometheus without rules.

And what the flags of that Prometheus limit: each query, not each owner.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Final
from urllib.error import HTTPError, URLError
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
MANY_SAMPLES: Final = "count_over_time(vector(1)[100d:1s])"
ASKED_FOR_S: Final = 15
TIMEOUT_S: Final = 2
"""Shorter than the page's 20 s."""
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


def refused(url: str, expr: str) -> tuple[int, str]:
    """Status and message of the answer to a query; 200 and nothing if it is answered."""
    try:
        urlopen(f"{url}/api/v1/query?{urlencode({'query': expr})}", timeout=FAR_S).close()  # noqa: S310 - loopback
    except HTTPError as error:
        with error:
            return error.code, json.load(error)["error"]
    return 200, ""


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


def short_flags() -> list[str]:
    """Those of the page, with a time-out that a test can wait for."""
    return [f"--query.timeout={TIMEOUT_S}s" if "query.timeout" in one else one for one in flags_for_owners()]


def test_each_query_of_owners_ends_and_reads_no_more_samples_than_the_page_says(tmp_path: Path) -> None:
    with running(tmp_path / "owners", *short_flags(), rules=RULES) as theirs:
        wait_for(theirs, "cloud:one")
        status, message = refused(theirs.url, MANY_SAMPLES)
        assert (status, "too many samples" in message) == (422, True), message
        began = time.monotonic()
        status, message = refused(theirs.url, DEAR)
        assert (status, "timed out" in message) == (503, True), message
        assert time.monotonic() - began < 3 * TIMEOUT_S


def test_owners_keep_each_other_waiting(tmp_path: Path) -> None:
    """Why the page asks for a limit per project before the proxy: the places are for all owners."""
    with running(tmp_path / "owners", *short_flags(), rules=RULES) as theirs:
        wait_for(theirs, "cloud:one")
        until = time.monotonic() + ASKED_FOR_S
        threads = [Thread(target=_ask, args=(theirs.url, until)) for _ in range(OWNERS)]
        for thread in threads:
            thread.start()
        time.sleep(TIMEOUT_S)
        statuses = {refused(theirs.url, "cloud:one")[0] for _ in range(4)}
        for thread in threads:
            thread.join()
        assert statuses - {200}, "each got a place"
        assert refused(theirs.url, "cloud:one") == (200, ""), "when they stop"
