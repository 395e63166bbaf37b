"""The words of a cloud in the errors of steps: one line, bounded, without secrets."""

import pytest

from stratoscope.clouds.lifecycle import RunReason, StepError, StepLeftOutError


@pytest.mark.parametrize("kind", [lambda text: StepError(RunReason.UNKNOWN, text), StepLeftOutError])
def test_words_of_a_cloud_are_one_line_without_secrets(kind: type[Exception]) -> None:
    said = str(kind("no\nroute to http://admin:s3cr3t@glance/, X-Auth-Token: s3cr3t" + "x" * 10_000))
    assert "s3cr3t" not in said
    assert "no\\nroute to http://<masked>glance/" in said
    assert len(said) < 1100
