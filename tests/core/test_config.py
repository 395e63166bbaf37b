"""Settings from YAML: each bad file has one message; durations, secrets, schedules, what `/config` shows."""

import datetime as dt
from enum import StrEnum
from pathlib import Path
from textwrap import indent
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.core import yaml_file
from stratoscope.core.app import settings_of
from stratoscope.core.collector import Every, OnScrape
from stratoscope.core.config import (
    CollectorSettings,
    Duration,
    Secret,
    decode,
    known_keys,
    one_of,
    shown,
)
from stratoscope.core.errors import ConfigError
from stratoscope.core.flags import Flags
from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.exporter import EXPORTER
from support import configs


def read(path: Path) -> Any:
    return settings_of(EXPORTER, Flags.parse(PROGRAM, [f"--config.file={path}"]))


@pytest.mark.parametrize("name", configs.names("bad"))
def test_bad_file_is_refused_in_one_line_with_its_key_and_what_is_allowed(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(configs.sample("bad", name))
    configs.assert_message(str(refused.value), name)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", configs.names("good"))
def test_good_file_is_accepted(name: str) -> None:
    assert read(configs.sample("good", name)).clouds


def test_without_a_file_the_defaults_hold() -> None:
    assert [cloud.name for cloud in settings_of(EXPORTER, Flags.parse(PROGRAM, [])).clouds] == ["local"]


def test_empty_file_is_all_defaults() -> None:
    assert read(configs.sample("good", "empty")) == settings_of(EXPORTER, Flags.parse(PROGRAM, []))


def test_clouds_of_other_kinds_and_sections_of_other_exporters_are_left_alone() -> None:
    (cloud,) = read(configs.sample("good", "design")).clouds
    assert (cloud.name, cloud.kind, cloud.uri) == ("uni", "libvirt", "qemu:///system")


def test_anchors_and_merges_stand_for_what_they_name() -> None:
    collectors = read(configs.sample("good", "anchors")).hypervisor.collectors
    assert collectors["networks"] == collectors["pools"]
    assert (collectors["jobs"].interval, collectors["jobs"].timeout) == (300, 30)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/absent/stratoscope.yml", "No such file or directory"),
        ("/", "a directory; allowed: a regular file"),
        ("/dev/zero", "a device; allowed: a regular file"),
        ("/proc/self/mem", "Input/output error"),
    ],
)
def test_file_that_cannot_be_read_is_named_with_its_flag(path: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refused:
        yaml_file.load(Path(path))
    assert str(refused.value) == f"--config.file: {path}: {problem}"


@pytest.mark.parametrize("text", ['clouds: [{name: "a\\ud800"}]', 'clouds: [{name: "a\\0"}]'])
def test_text_that_no_name_can_hold_is_refused_with_its_key(text: str, tmp_path: Path) -> None:
    path = tmp_path / "stratoscope.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        yaml_file.load(path)
    assert str(refused.value) == (
        f"{path}:1:17: a NUL or half a surrogate pair; allowed: characters that UTF-8 can hold"
    )


def test_key_that_no_text_can_be_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stratoscope.yml"
    path.write_text('hypervisor: {collectors: {"a\\ud800b": {}}}')
    with pytest.raises(ConfigError) as refused:
        yaml_file.load(path)
    assert str(refused.value) == (
        f"{path}:1:27: a NUL or half a surrogate pair; allowed: characters that UTF-8 can hold"
    )


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 20))
TOWER = "a0: &a0 x\n" + "".join(f"a{n}: &a{n} [[[[[[*a{n - 1}]]]]]]\n" for n in range(1, 20))
CHAIN = "a0: &a0 {}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 2_000))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"hypervisor:\n{indent(BOMB, ' ')}", ":7:6: anchors make it too large; allowed: "),
        (f"hypervisor:\n{indent(TOWER, ' ')}", ":11:14: anchors make it too large; allowed: "),
        (f"hypervisor:\n{indent(CHAIN, ' ')}", ":52:7: anchors make it too large; allowed: "),
        ("hypervisor: &a {collectors: *a}", ":1:13: found unconstructable recursive node"),
        ("hypervisor: &a [*a]", ":1:13: found unconstructable recursive node"),
        ("&a [*a]", ":1:1: found unconstructable recursive node"),
    ],
)
def test_anchors_that_never_end_or_grow_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "stratoscope.yml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        yaml_file.load(path)
    assert str(refused.value).startswith(f"{path}{said}")


def test_message_is_one_line_whatever_the_file_and_its_keys_are_called(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.yml"
    path.write_text('"a\\nb\\u2028c": 1\n')
    with pytest.raises(ConfigError) as refused:
        yaml_file.load(path)
    assert "two\\nlines.yml: a\\nb\\u2028c: unknown section" in str(refused.value)


def test_date_is_a_text_and_never_an_error_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "dates.yml"
    path.write_text("clouds: [2024-01-31, 2024-13-45]")
    assert yaml_file.load(path) == {"clouds": ["2024-01-31", "2024-13-45"]}


def test_flag_is_not_said_to_stand_in_the_file(tmp_path: Path) -> None:
    flags = Flags.parse(
        PROGRAM, [f"--config.file={configs.sample('good', 'empty')}", f"--path.procfs={tmp_path}/absent"]
    )
    with pytest.raises(ConfigError, match=r"^--path\.procfs: "):
        settings_of(EXPORTER, flags)


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)]
    per_second: float = 1.0


class Basic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="basic", tag_field="auth"):
    user: str = ""


class Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="token", tag_field="auth"):
    token: Secret


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every shape that a section can have."""

    kind: Literal["one", "two"] = "one"
    budget: Budget | None = None
    budgets: dict[str, list[Budget]] = {}
    pair: tuple[int, str] = (1, "")
    many: tuple[int, ...] = ()
    login: Basic | Token | None = None
    password: Secret | None = None
    file: Path = Path()
    either: str | dict[str, Budget] = ""
    ratio: float = 0.5
    colour: Colour = Colour.RED
    at: dt.datetime | None = None

    def __post_init__(self) -> None:
        if self.ratio > 1:
            raise ValueError("ratio: expected 1 at most")
        if self.ratio < 0:
            raise ValueError("something: is wrong")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "expected a mapping, got a whole number; allowed: kind, budget, budgets"),
        ("kind: three", "kind: unknown: three; allowed: one, two"),
        ("kind: 3", "kind: expected a text, got a whole number; allowed: one, two"),
        ("colour: blue", "colour: unknown: blue; allowed: red, green"),
        ("colour: 3", "colour: expected a text, got a whole number; allowed: red, green"),
        ("at: monday", "at: no date with a time; allowed: such as 2026-12-01T22:00:00"),
        ("budget: {}", "budget.concurrency: missing"),
        ("budget: {concurrency: 0}", "budget.concurrency: expected a whole number >= 1, got 0"),
        ("budget: {concurrency: 65}", "budget.concurrency: expected a whole number <= 64, got 65"),
        ("budget: [1]", "budget: expected a mapping, got a list; allowed: concurrency, per_second"),
        ("budgets: {a: [], b: [{concurrency: 1}, {}]}", "budgets.b[1].concurrency: missing"),
        ("budgets: {a: [], b: {}}", "budgets.b: expected a list, got a mapping"),
        ("budgets: {a: [], 5: []}", "budgets: a key must be a text, got 5; quotes make it one"),
        ("budgets: {no: []}", "budgets: a key must be a text, got false (or no, off); quotes make it one"),
        ("budgets: {5: 1, a: 1}", "budgets: a key must be a text, got 5; quotes make it one"),
        ("budgets: {null: []}", "budgets: a key must be a text, got null; quotes make it one"),
        (
            "budgets: {a: [{concurrency: 1, 5: 1}]}",
            "budgets.a[0]: a key must be a text, got 5; quotes make it one",
        ),
        ("pair: [1, 2]", "pair[1]: expected a text, got a whole number; quotes make it a text"),
        ("many: [1, a]", "many[1]: expected a whole number, got a text"),
        ("login: {auth: token, user: x}", "login.user: unknown key; allowed: token"),
        ("login: {auth: basic, token: x}", "login.token: unknown key; allowed: user"),
        ("password: 12345", "password: expected a text, got a whole number; quotes make it a text"),
        ("file: x", "file: expected a text, got a text"),
        ("either: {a: {concurrency: 1, x: 1}}", "either.a.x: unknown key; allowed: concurrency, per_second"),
        ("either: 1.5", "either: expected a text or a mapping, got a number; quotes make it a text"),
        ("either: true", "either: expected a text or a mapping, got a boolean; quotes make it a text"),
        ("either: [a]", "either: expected a text or a mapping, got a list"),
        ("ratio: [1]", "ratio: expected a number, got a list"),
        ("ratio: 2", "ratio: expected 1 at most"),
        ("ratio: -1", "something: is wrong"),
    ],
)
def test_refusal_names_the_whole_path_of_keys(text: str, message: str) -> None:
    for key in ("", "slurper"):
        with pytest.raises(ConfigError) as refused:
            decode(Source, yaml.safe_load(text), key)
        below = message if ": " in message and not message.startswith(("expected", "something")) else None
        joined = f"{key}.{message}" if key and below else f"{key}: {message}" if key else message
        assert str(refused.value).startswith(joined)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("2h", 7200),
        ("7d", 604800),
        ("1w", 604800),
        ("14d", 1209600),
        ("1y", 31536000),
    ],
)
def test_duration_is_what_prometheus_takes_it_for(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@given(st.integers(min_value=1, max_value=365 * 86_400_000))
def test_duration_reads_back_as_what_it_was_shown_as(in_ms: int) -> None:
    duration = Duration(in_ms / 1000)
    assert Duration.parse(str(duration)) == duration


def test_secret_shows_itself_to_nobody_but_who_asks() -> None:
    secret = Secret("hunter2")
    assert f"{secret} {secret!r} {[secret]}" == "<secret> <secret> [<secret>]"
    assert secret.reveal() == "hunter2"


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret("hunter2") == Secret("hunter2") != Secret("hunter3")
    assert Secret("hunter2") != "hunter2"
    assert len({Secret("hunter2"), Secret("hunter2"), Secret("hunter3")}) == 2


def test_secret_is_masked_where_settings_are_shown() -> None:
    settings = decode(Source, {"password": "hunter2", "login": {"auth": "token", "token": "hunter3"}}, "")
    assert "hunter" not in shown(settings)
    assert "hunter" not in repr(settings)


def test_password_in_a_url_is_masked_where_settings_are_shown() -> None:
    settings = decode(Source, {"either": "https://user:hunter2@one.example:8443/a?b=c@d"}, "")
    assert "either: https://user:<secret>@one.example:8443/a?b=c@d\n" in shown(settings)


def test_what_is_shown_holds_defaults_and_can_be_read_again() -> None:
    text = shown(decode(Budget, {"concurrency": 3}, ""), timeout=Duration(90), running=[])
    assert yaml.safe_load(text) == {"concurrency": 3, "per_second": 1.0, "timeout": "1m30s", "running": []}


def test_section_that_is_empty_is_as_one_that_is_absent(tmp_path: Path) -> None:
    path = tmp_path / "stratoscope.yml"
    path.write_text("hypervisor:\nclouds: []\n")
    assert yaml_file.load(path) == {"clouds": []}


def test_name_that_is_allowed_is_not_refused() -> None:
    one_of("libvirt", ["libvirt"], "clouds[0].kind")
    known_keys(["pools"], ["pools"], "hypervisor.collectors")


def test_schedule_keeps_its_defaults_for_what_is_not_set() -> None:
    every = Every(interval_s=60, timeout_s=30, max_age_s=300)
    assert CollectorSettings().schedule(every, "key") == every
    assert CollectorSettings(timeout=Duration(3)).schedule(OnScrape(10), "key") == OnScrape(3)
    assert CollectorSettings().schedule(OnScrape(10), "key") == OnScrape(10)


def test_longer_interval_takes_the_default_max_age_with_it() -> None:
    every = Every(interval_s=60, timeout_s=30, max_age_s=300)
    longer = CollectorSettings(interval=Duration(600)).schedule(every, "key")
    assert longer == Every(interval_s=600, timeout_s=30, max_age_s=1230)


def test_what_a_collector_cannot_have_is_refused_with_the_reason() -> None:
    settings = CollectorSettings(enabled=False, timeout=Duration(5))
    with pytest.raises(ConfigError, match=r"^a\.cpu\.timeout: part of a collector; allowed: enabled$"):
        settings.only({"enabled"}, "a.cpu", "part of a collector")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clouds: !!map [a]", ":1:9: expected a mapping node, but found sequence"),
        ("clouds: 0x" + "f" * 9_000, ":1:9: int that cannot be read; quotes make it a text"),
        (f"clouds: {':'.join(['59'] * 3_000)}", ":1:9: int that cannot be read; quotes make it a text"),
        ('clouds: "\\U00110000"', ":1:12: an escape of no character"),
        ('clouds: "\\UFFFFFFFF"', ":1:12: an escape of no character"),
        (f"clouds: {'1:' * 200}1.0", ":1:9: float that cannot be read; quotes make it a text"),
        ("clouds: <<", ":1:9: `<<` merges mappings; quotes make it a text"),
        ("on: 1", ": a key must be a text, got true (or yes, on); quotes make it one"),
    ],
)
def test_what_cannot_be_written_down_and_a_mapping_that_is_none_are_refused(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "stratoscope.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        yaml_file.load(path)
    assert str(refused.value) == f"{path}{said}"


def test_words_without_quotes_are_what_yaml_1_1_takes_them_for(tmp_path: Path) -> None:
    path = tmp_path / "words.yml"
    path.write_text(
        "clouds: [yes, Off, on, y, n, 010, 0o10, 0x1F, 1_000, 1:30, .inf, 1e3, 1.0e+3, ~, '5', =]"
    )
    words = yaml_file.load(path)["clouds"]
    assert words[:8] == [True, False, True, "y", "n", 8, "0o10", 31]
    assert words[8:] == [1000, 90, float("inf"), "1e3", 1000.0, None, "5", "="]
