"""The command line of an exporter."""

from dataclasses import replace
from pathlib import Path

import pytest

from stratoscope.core.flags import Flags
from stratoscope.core.program import Command, version
from support.houses import PROGRAM

ALL = (
    "--config.check, --config.file, --help, --log.format, --log.level, --path.procfs, --version, "
    "--web.config.file, --web.listen-address, --web.max-connections"
)


def test_without_arguments_it_listens_on_loopback_with_the_defaults() -> None:
    assert Flags.parse(PROGRAM, []) == Flags(
        config_file=None,
        config_check=False,
        web_listen_address=["127.0.0.1:0"],
        web_config_file=None,
        web_max_connections=512,
        log_level="info",
        log_format="logfmt",
        own={"path.procfs": "/proc"},
    )


@pytest.mark.parametrize("joined", [True, False])
def test_value_stands_after_an_equals_sign_or_a_blank(joined: bool) -> None:
    values = {
        "--config.file": "a.yml",
        "--web.listen-address": ":1",
        "--web.config.file": "web.yml",
        "--web.max-connections": "20",
        "--log.level": "debug",
        "--log.format": "json",
        "--path.procfs": "/host/proc",
    }
    pairs = [[f"{flag}={value}"] if joined else [flag, value] for flag, value in values.items()]
    arguments = [argument for pair in pairs for argument in pair]
    assert Flags.parse(PROGRAM, arguments) == Flags(
        config_file=Path("a.yml"),
        config_check=False,
        web_listen_address=[":1"],
        web_config_file="web.yml",
        web_max_connections=20,
        log_level="debug",
        log_format="json",
        own={"path.procfs": "/host/proc"},
    )


def test_address_may_be_given_twice() -> None:
    arguments = ["--web.listen-address=127.0.0.1:1", "--web.listen-address=[::1]:1", "--config.check"]
    flags = Flags.parse(PROGRAM, arguments)
    assert flags.web_listen_address == ["127.0.0.1:1", "[::1]:1"]
    assert flags.config_check


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--config.fil=a.yml"], f"unrecognized arguments: --config.fil=a.yml; allowed: {ALL}"),
        (["--config.f", "a.yml"], f"unrecognized arguments: --config.f a.yml; allowed: {ALL}"),
        (["more"], f"unrecognized arguments: more; allowed: {ALL}"),
        (["two\nlines"], f"unrecognized arguments: two\\nlines; allowed: {ALL}"),
        (["--config.file"], "--config.file: expected one argument"),
        (["--config.file="], "--config.file: expected a value, got nothing"),
        (["--web.config.file="], "--web.config.file: expected a value, got nothing"),
        (["--path.procfs", ""], "--path.procfs: expected a value, got nothing"),
        *(
            (
                [f"--web.max-connections={number}"],
                "--web.max-connections: expected a whole number from 1 to 100000",
            )
            for number in ("0", "100001", "-1", "many", "²", "9" * 5000)
        ),
        (["--config.check=yes"], "--config.check: ignored explicit argument 'yes'"),
    ],
)
def test_wrong_flag_is_refused_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        Flags.parse(PROGRAM, arguments)
    assert end.value.code == 2
    assert capsys.readouterr() == ("", f"stratoscope slurper: {message}\n")


@pytest.mark.parametrize(
    ("argument", "allowed"),
    [
        ("--log.level=loud", ("debug", "info", "warning", "error")),
        ("--log.format=xml", ("logfmt", "json")),
    ],
)
def test_wrong_choice_is_refused_with_what_is_allowed(
    argument: str, allowed: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        Flags.parse(PROGRAM, [argument])
    said = capsys.readouterr().err
    assert said.startswith(f"stratoscope slurper: {argument.partition('=')[0]}: invalid choice: ")
    assert said.count("\n") == 1
    assert all(choice in said for choice in allowed)


@pytest.mark.parametrize("flags", [["--url=http://h"], ["--url", "http://h"], ["--config.check"]])
def test_flags_before_a_command_are_refused_with_their_place(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    program = replace(PROGRAM, commands={"count": Command("notes", "Counts.")})
    with pytest.raises(SystemExit) as end:
        Flags.parse(program, [*flags, "count"])
    said = "flags stand before count; allowed: after it, as in stratoscope slurper count FLAG..."
    assert (end.value.code, capsys.readouterr().err) == (2, f"stratoscope slurper: {said}\n")


def test_help_lists_every_flag_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        Flags.parse(PROGRAM, ["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    assert all(flag in said for flag in ALL.split(", "))
    assert "where /proc is mounted (default /proc)" in said
    assert "(default 127.0.0.1:0)" in said
    assert "(default info)" in said


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        Flags.parse(PROGRAM, ["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"stratoscope {version()}\n")


def test_online_is_a_flag_of_those_that_can_look_up_and_belongs_to_a_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = replace(PROGRAM, checks_online=True)
    assert Flags.parse(program, ["--config.check", "--online"]).online
    assert not Flags.parse(program, ["--config.check"]).online
    with pytest.raises(SystemExit) as end:
        Flags.parse(program, ["--online"])
    assert end.value.code == 2
    said = "--online: it only adds to a check; allowed: together with --config.check"
    assert capsys.readouterr().err == f"stratoscope slurper: {said}\n"
    with pytest.raises(SystemExit):
        Flags.parse(PROGRAM, ["--config.check", "--online"])
    said = f"unrecognized arguments: --online; allowed: {ALL}"
    assert capsys.readouterr().err == f"stratoscope slurper: {said}\n"
    with pytest.raises(SystemExit):
        Flags.parse(program, ["--help"])
    assert "--online with --config.check: also look up" in " ".join(capsys.readouterr().out.split())
