"""What looks like a secret is masked, and nothing else is; quickly, whatever the text is."""

import time

import pytest

from stratoscope.core.masking import masked


@pytest.mark.parametrize(
    "text",
    [
        "X-Auth-Token: s3cr3t",
        "Set-Cookie: sid=s3cr3t; other=s3cr3t; Path=/",
        "cookie=s3cr3t",
        "Authorization: Bearer s3cr3t-12345",
        "Authorization: Basic s3cr3t==",
        "asked with bearer s3cr3t-12345",
        '{"adminPass": "s3cr3t word"}',
        '{\\"password\\": \\"s3cr3t\\"}',
        "{'application_credential_secret': 's3cr3t'}",
        "GET /?token=s3cr3t&a=1",
        "http://admin:s3cr3t@keystone/v3",
        "unknown gAAAAABk_s3cr3t-0123456789abcdef==",
        "unknown eyJhbGciOiJFUzI1NiJ9.s3cr3t.s3cr3t",
    ],
)
def test_secrets_are_masked(text: str) -> None:
    said = masked(text)
    assert "s3cr3t" not in said, said
    assert "<masked>" in said


def test_other_words_are_not_masked() -> None:
    for text in ("the token is for a domain", "no password was given; 401", "http://nova:8774/v2.1/a@b"):
        assert masked(text) == text


@pytest.mark.parametrize(
    "part", ["token-", "a-", "x-token", "secret ", "eyJa.", "bearer ", "://", "cookie=a;b=c"]
)
def test_text_of_a_hostile_source_takes_no_long_time(part: str) -> None:
    text = (part * 1000)[:1000]
    began = time.process_time()
    masked(text)
    assert time.process_time() - began < 0.05
