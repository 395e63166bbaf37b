"""The closed sets of reasons, as the metrics' labels spell them."""

import errno

import pytest

from stratoscope.core.errors import (
    CollectError,
    ConfigError,
    Dropped,
    LeftOut,
    LeftOutError,
    Reason,
    SharedError,
    again,
    is_shortage,
)


def test_reasons_are_the_documented_ones() -> None:
    documented = ["timeout", "unavailable", "unauthorized", "malformed", "busy", "internal"]
    assert [str(reason) for reason in Reason] == documented
    assert [str(reason) for reason in LeftOut] == ["not_configured", "unauthorized", "absent"]
    assert [str(reason) for reason in Dropped] == ["duplicate", "invalid", "max_series"]


def test_collect_error_reads_as_its_message() -> None:
    error = CollectError(Reason.BUSY, "all threads are taken")
    assert (error.reason, str(error)) == ("busy", "all threads are taken")


def test_configuration_error_is_one_line_whatever_it_quotes() -> None:
    error = ConfigError("clouds[0].name: 'uni\nversität\x00\ud800' is no name")
    assert str(error) == "clouds[0].name: 'uni\\nversität\\x00\\ud800' is no name"


def test_failure_is_one_line_with_an_end_whatever_a_source_wrote() -> None:
    for error in (CollectError(Reason.MALFORMED, "a\n\x1b[31m\u202eb"), LeftOutError(LeftOut.ABSENT, "a\n")):
        assert str(error).isprintable()
    assert str(CollectError(Reason.MALFORMED, "\x00ab" * 100_000)) == r"\x00ab" * 166 + r"\x00..."
    assert str(CollectError(Reason.MALFORMED, "x" * 1_000)) == "x" * 1_000


@pytest.mark.parametrize(
    "kept",
    [
        CollectError(Reason.BUSY, "no turn"),
        SharedError(Reason.TIMEOUT, "no log-in"),
        LeftOutError(LeftOut.ABSENT, "not in the catalogue"),
    ],
)
def test_a_kept_failure_is_raised_300_times_without_growing(kept: CollectError | LeftOutError) -> None:
    for _ in range(300):
        with pytest.raises(type(kept), match=str(kept)) as caught:
            raise again(kept)
        assert caught.value is not kept
        assert caught.value.reason is kept.reason
    assert kept.__traceback__ is None
    assert kept.__context__ is None


@pytest.mark.parametrize(
    ("error", "is_short"),
    [
        (OSError(errno.EMFILE, "x"), True),
        (OSError(errno.ENFILE, "x"), True),
        (OSError(errno.ENOSPC, "x"), True),
        (OSError(errno.EACCES, "x"), False),
        (ValueError(errno.EMFILE, "x"), False),
    ],
)
def test_shortage_is_of_the_exporter_or_its_machine(error: Exception, is_short: bool) -> None:
    assert is_shortage(error) is is_short
