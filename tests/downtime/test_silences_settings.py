"""The key `alertmanagers`: what is taken, and what is said of what is not."""

from pathlib import Path

import pytest

from stratoscope.core.errors import ConfigError
from stratoscope.downtime.silences.settings import AlertmanagerSettings, alertmanagers

ONE = {"name": "main", "urls": ["http://am:9093", "https://am2:9093/prefix/"]}


def test_an_entry_needs_a_name_and_urls(tmp_path: Path) -> None:
    assert alertmanagers([ONE]) == (AlertmanagerSettings(name="main", urls=tuple(ONE["urls"])),)
    (tmp_path / "p").write_text("secret\n")
    full = {"user": "u", "password_file": str(tmp_path / "p"), "timeout": "3s"}
    assert alertmanagers([ONE | full])[0].timeout == 3


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([ONE, ONE], "alertmanagers[1].name: main stands twice; allowed: each name once"),
        (
            [ONE, {"name": "b", "urls": ["http://other", "https://AM2:9093/prefix"]}],
            "alertmanagers[1].urls[1]: https://AM2:9093/prefix: stands in the entry main, too; allowed: once",
        ),
        ([{"name": "a b", "urls": ["http://x"]}], "alertmanagers[0].name: "),
        ([ONE | {"urls": []}], "alertmanagers[0].urls: "),
        (
            [ONE | {"urls": ["am:9093"]}],
            "alertmanagers[0].urls[0]: no URL of an Alertmanager; allowed: such as",
        ),
        ([ONE | {"urls": ["http://[x"]}], "alertmanagers[0].urls[0]: "),
        ([ONE | {"urls": ["http://am/api/v2/"]}], "alertmanagers[0].urls[0]: no URL of an Alertmanager;"),
        ([ONE | {"urls": ["http://u:p@am"]}], "alertmanagers[0].urls[0]: "),
        ([ONE | {"user": "u"}], "alertmanagers[0]: user or password_file is missing; allowed: both or none"),
        (
            [ONE | {"user": "u", "password_file": "f", "bearer_token_file": "t"}],
            "alertmanagers[0]: bearer_token_file stands beside user; allowed: one of both",
        ),
        ([ONE | {"user": "u:v", "password_file": "f"}], "alertmanagers[0].user: a colon"),
        (
            [ONE | {"user": "u", "password_file": "/none"}],
            "alertmanagers: main: password_file: /none: No such file or directory",
        ),
        (
            [ONE | {"bearer_token_file": "/none"}],
            "alertmanagers: main: bearer_token_file: /none: No such file or directory",
        ),
        ([ONE | {"ca_file": "/none"}], "alertmanagers: main: ca_file: /none: no certificates in PEM can be"),
        (
            [ONE | {"urls": ["http://am:9093"], "ca_file": "/none"}],
            "alertmanagers[0].ca_file: does nothing, since no URL begins with https; allowed: with https",
        ),
        ([ONE | {"timeout": "2m"}], "alertmanagers[0].timeout: 2m; allowed: 1m at most"),
        ([ONE | {"tls": {}}], "alertmanagers[0].tls: "),
    ],
)
def test_a_mistake_is_named_with_what_is_allowed(entries: list[object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        alertmanagers(entries)
    assert str(caught.value).startswith(message)
