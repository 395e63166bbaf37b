"""The words on each reason, of which the documentation makes its table."""

import pytest

from stratoscope.clouds.lifecycle import RunReason
from stratoscope.vmprobe.advice import ADVICE


def test_every_reason_has_a_meaning_and_advice() -> None:
    assert {*ADVICE} == {*RunReason}


@pytest.mark.parametrize("reason", RunReason)
def test_words_are_sentences_that_fit_into_a_table(reason: RunReason) -> None:
    for text in ADVICE[reason]:
        assert text.endswith(".")
        assert "|" not in text
        assert "\n" not in text


def test_no_two_reasons_have_the_same_meaning_or_advice() -> None:
    assert len({one.meaning for one in ADVICE.values()}) == len(RunReason)
    assert len({one.action for one in ADVICE.values()}) == len(RunReason)
