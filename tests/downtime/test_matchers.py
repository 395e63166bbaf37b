"""Matchers mean what Alertmanager's do."""

import pytest

from stratoscope.downtime.matchers import (
    Matcher,
    contradiction,
    matcher_set,
    matches,
    matches_everything,
    set_texts,
    several,
    written,
)


@pytest.mark.parametrize(
    ("text", "labels", "is_met"),
    [
        ('host="n1"', {"host": "n1"}, True),
        ("host=n1", {"host": "n12"}, False),
        ("host!=n1", {"host": "n2"}, True),
        ("host!=n1", {}, True),
        ("host=n1", {}, False),
        ('host=~"n1|n2"', {"host": "n2"}, True),
        ("host=~n", {"host": "n1"}, False),
        ("host=~.*", {}, True),
        ("host=~a.b", {"host": "a\nb"}, False),
        ("host!~n.*", {"host": "n1"}, False),
        ("host!~n.*", {"host": "m1"}, True),
        (r'host="a\"b\\"', {"host": 'a"b\\'}, True),
        ("  host  =  n1 ", {"host": "n1"}, True),
    ],
)
def test_a_matcher_is_met_as_alertmanager_meets_it(text: str, labels: dict[str, str], is_met: bool) -> None:
    assert Matcher.parse(text).matches(labels) is is_met


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("host", "is no matcher; allowed: such as host="),
        ("host=a b", "is no matcher"),
        ("host==n1", "'host==n1' has an unknown operator; allowed: =, !=, =~, !~, and quotes around"),
        ("host=~~n1", "'host=~~n1' has an unknown operator"),
        ('host="a', "is no matcher"),
        (r'host="\x"', "quotes or escapes"),
        ("ho-st=a", "'ho-st' is no name of a label; allowed: letters, digits and _"),
        ("host=~n(", "'n(' is no pattern of RE2: missing ): n("),
        ("host=~(?=a)", "is no pattern of RE2"),
        ("host=~((a{100}){100}){100}", "is no pattern of RE2"),
        ("", "is no matcher"),
        *[
            (f'host{operator}"{value}"', "is no value; allowed: characters that can be printed")
            for operator in ("=", "=~")
            for value in (r"\ud800", "n1\0", "n1\x1b[2J", "n\N{RIGHT-TO-LEFT OVERRIDE}1", r"n1\n")
        ],
    ],
)
def test_what_is_no_matcher_is_rejected_with_the_reason(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|RE2|quotes") as raised:
        Matcher.parse(text)
    assert what in str(raised.value)


def test_a_set_is_written_sorted_and_read_back() -> None:
    one = matcher_set(map(Matcher.parse, ["service=~nova.*", 'host="n 1"', "host!=n2", "host!=n2", "a!~b"]))
    assert written(one) == '{a!~"b", host="n 1", host!="n2", service=~"nova.*"}'
    assert matcher_set(Matcher.parse(str(matcher)) for matcher in reversed(one)) == one
    assert matches(one, {"host": "n 1", "service": "nova-api"})
    assert not matches(one, {"host": "n 1", "service": "glance"})


@pytest.mark.parametrize(
    ("texts", "is_so"),
    [
        (["host=~.+"], True),
        (["host=~.*"], True),
        (["host=~.+", "cloud!=uni"], True),
        (["host=~[a-z0-9]+"], True),
        (["host=~n.*"], False),
        (["cloud=uni", "host=~.+"], False),
        (["alertname=~[A-Z].*"], True),
        (["alertname=~.*[A-Z].*"], True),
        (["alertname=~(Host|Instance).*"], False),
        (["severity=~warning|critical|info"], True),
        (["severity=~warning|critical", "alertname=~[A-Z].*"], True),
        (["severity=~warning|info"], False),
        (["severity=critical"], False),
        (["instance=~.*:.*"], True),
        (["instance=~.+:9100"], False),
        (["host=~[a-z].*"], True),
        (["host=~[a-z].*", "host!=n1"], True),
        (["host=~.*[.].*"], True),
        (["host=~.*[.]example[.]org"], False),
        (["job=~[^0-9]+"], True),
        (["service=~nova.*"], False),
        (["vm_id=~[0-9a-f-]{36}"], True),
        (["team=~[a-z]+"], True),
        (["team=~a.*"], False),
    ],
)
def test_a_set_that_matches_every_alert_is_recognised(texts: list[str], is_so: bool) -> None:
    assert matches_everything(matcher_set(map(Matcher.parse, texts))) is is_so


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("", ()),
        ("{ }", ()),
        ("host=n1", ("host=n1",)),
        ('{host="n1", service=~"nova.*"}', ('host="n1"', 'service=~"nova.*"')),
        (r' a="x,\"y,", b=~"c{1,2}" ', (r'a="x,\"y,"', 'b=~"c{1,2}"')),
        ("a=1,", ("a=1",)),
        ("a=1,,b=2", ("a=1", "", "b=2")),
        ('a="x, b=2', ('a="x, b=2',)),
        ('a="x\\', ('a="x\\',)),
        ('a="x\ny", b=2', ('a="x\ny"', "b=2")),
    ],
)
def test_a_set_in_one_line_is_split_at_commas_outside_of_quotes(text: str, texts: tuple[str, ...]) -> None:
    assert set_texts(text) == texts


def test_a_set_that_is_written_is_read_back() -> None:
    one = matcher_set([Matcher("host", 'a",\\{b}'), Matcher("service", "n,.*", is_regex=True)])
    assert matcher_set(map(Matcher.parse, set_texts(written(one)))) == one


@pytest.mark.parametrize(
    ("text", "pattern", "literal"),
    [
        ("host=*", 'host=~".*"', 'host="*"'),
        ("host=n*", 'host=~"n.*"', 'host="n*"'),
        ("host=n1,n2", 'host=~"n1|n2"', 'host="n1,n2"'),
        ("host!=n1|n2", 'host!~"n1|n2"', 'host!="n1|n2"'),
    ],
)
def test_a_value_that_looks_like_a_pattern_is_rejected_with_the_pattern(
    text: str, pattern: str, literal: str
) -> None:
    with pytest.raises(ValueError, match="is one value, no pattern") as raised:
        Matcher.parse(text)
    assert str(raised.value).endswith(f"allowed: {pattern}, or {literal} if it is meant")
    assert str(Matcher.parse(literal)) == literal


def test_a_pattern_and_an_equality_that_meets_it_are_no_contradiction() -> None:
    matchers = [Matcher.parse(one) for one in ("host=n1", "host=~n.*", "host!=n2", "service=n2")]
    assert contradiction(matcher_set(matchers)) is None


@pytest.mark.parametrize("text", ["cloud=uni,host=n1", "cloud=uni, host=~n.*", 'cloud="uni",host!=n1'])
def test_two_matchers_in_one_are_said_to_be_two(text: str) -> None:
    assert several(text)
    with pytest.raises(ValueError, match=r"is (more than one|no) matcher; allowed: "):
        Matcher.parse(text)


@pytest.mark.parametrize("text", ['cloud="uni,host=n1"', "host=n1", "host=n1,n2", "host=~n{1,2}", ""])
def test_a_comma_in_a_value_is_no_second_matcher(text: str) -> None:
    assert not several(text)
