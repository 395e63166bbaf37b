"""What clients accept."""

import pytest

from stratoscope.core.web.negotiate import accepts_gzip, wants_openmetrics

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3_PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
    + PROMETHEUS_3
)
PROMETHEUS_3_TEXT_ONLY = "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2_42,
        PROMETHEUS_3,
        PROMETHEUS_3_PROTOBUF,
        "application/openmetrics-text",
        "Application/OpenMetrics-Text; Version=1.0.0; Charset=utf-8",
        'application/openmetrics-text; version="1.0.0"',
        "application/openmetrics-text, */*",
        "application/openmetrics-text;q=0.5, text/plain;q=0.3",
        "application/*;q=0.9, text/*;q=0.8",
    ],
)
def test_openmetrics_is_chosen_where_it_is_liked_better(accept: str) -> None:
    assert wants_openmetrics(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        PROMETHEUS_3_TEXT_ONLY,
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.5, */*;q=0.8",
        "application/openmetrics-text;q=much",
        "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0",
        "text/html",
        ",;q=1,",
    ],
)
def test_text_is_chosen_otherwise(accept: str) -> None:
    assert not wants_openmetrics(accept)


@pytest.mark.parametrize("header", ["gzip", "deflate, GZIP;q=0.5", "*", "gzip;q=0.2, identity;q=0.1"])
def test_gzip_is_used_where_it_is_accepted(header: str) -> None:
    assert accepts_gzip(header)


@pytest.mark.parametrize(
    "header", ["", "identity", "gzip;q=0", "gzip;q=0, *", "*;q=0", "gzip;q=0.1, identity"]
)
def test_gzip_is_not_used_where_it_is_refused_or_liked_less(header: str) -> None:
    assert not accepts_gzip(header)
