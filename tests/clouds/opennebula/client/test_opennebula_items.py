"""Items in XML: numbers that must make sense, and those that did not change."""

import pytest

from stratoscope.clouds.opennebula.client import items
from stratoscope.clouds.opennebula.client.items import (
    Element,
    Unchanged,
    amount,
    each,
    identity,
    number,
    optional,
    root,
    without_long_texts,
)  # fmt: skip


def test_an_item_is_decoded_again_only_if_its_xml_has_changed() -> None:
    decoded: list[str] = []

    def decode(element: Element) -> str:
        decoded.append(identity(element))
        return element.findtext("STATE", "")

    unchanged = Unchanged(decode)
    one, other = (root(f"<VM><ID>7</ID><STATE>{state}</STATE></VM>") for state in (3, 8))
    assert [unchanged(item) for item in (one, one, other, other)] == ["3", "3", "8", "8"]
    assert decoded == ["7", "7"]
    unchanged.keep(["7", "9"])
    assert (unchanged(other), len(decoded)) == ("8", 2)
    unchanged.keep([])
    assert (unchanged(other), len(decoded)) == ("8", 3)


def test_an_item_without_an_id_has_none() -> None:
    assert identity(root("<VM><NAME>web</NAME></VM>")) == ""


def test_a_number_is_in_base_units_and_not_negative() -> None:
    assert amount({"MEMORY": "0.5"}, "MEMORY", 1 << 20) == 1 << 19
    assert optional({"VCPU": ""}, "VCPU") is None
    for wrong in ("-1", "x", "", "nan", "inf"):
        with pytest.raises((ValueError, OverflowError)):
            amount({"MEMORY": wrong}, "MEMORY")
    with pytest.raises(KeyError):
        amount({}, "MEMORY")


@pytest.mark.parametrize("text", ["", "-5", "+7", "1_0", " 7", "\u0663", "7\n", "9" * 11, "seven", "7.0"])
def test_what_is_no_id_of_oned_is_none(text: str) -> None:
    assert (number("7"), number("007"), number("4294967295")) == ("7", "7", "4294967295")
    with pytest.raises(ValueError, match="is no id"):
        number(text)


def bounded(monkeypatch: pytest.MonkeyPatch, **bounds: int) -> None:
    """Other bounds: a text that is beyond the usual ones has tens of megabytes."""
    for name, bound in bounds.items():
        monkeypatch.setattr(items, name, bound)  # as the docstring says


def test_a_large_pool_is_read_part_by_part_and_the_items_before_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bounded(monkeypatch, MOST_TAGS=1_000, AT_ONCE=100)
    text = "<P>" + "".join(f"<VM><ID>{one}</ID></VM><OTHER/>" for one in range(9_000)) + "</P>"
    read, most = [], 0
    for element in each(text, "VM"):
        pool = element.getparent()
        assert pool is not None
        read.append(identity(element))
        most = max(most, pool.index(element))
    assert read == [str(one) for one in range(9_000)]
    assert most <= 10  # those of 100 characters, and what stands between


@pytest.mark.parametrize("most", [100, 10_000], ids=["in_parts", "as_a_whole"])
def test_what_is_called_as_an_item_within_an_item_is_none(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, MOST_TAGS=most, AT_ONCE=100)
    item = "<USER><ID>1</ID><QUOTA><USER><ID>2</ID></USER></QUOTA></USER><USER/>"
    assert [identity(one) for one in each(f"<P>{item * 50}</P>", "USER")] == ["1", ""] * 50


@pytest.mark.parametrize("most", [100, 10_000], ids=["in_parts", "as_a_whole"])
@pytest.mark.parametrize("wrong", ["<P>{}", "{}", "<!DOCTYPE P []><P>{}</P>", "<P>{}</P>x"])
def test_a_pool_that_is_no_document_is_no_pool(
    wrong: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(monkeypatch, MOST_TAGS=most, AT_ONCE=100)
    with pytest.raises(ValueError, match=r"."):
        list(each(wrong.format("<VM><ID>1</ID></VM>" * 50), "VM"))


def test_attributes_which_no_answer_has_count_as_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, MOST_TAGS=1_000)
    with pytest.raises(ValueError, match="more than 1,000 tags"):
        root("<P>" + '<a b="" c=""/>' * 400 + "</P>")


@pytest.mark.parametrize("pool", ["<P><VM>{}</VM></P>", "<P>{}</P>", "<P><VM/>{}<VM/></P>", "<VM>{}</VM>"])
def test_an_item_has_a_bounded_number_of_elements(pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, MOST_TAGS=40_000)
    text = pool.format("<a/>" * 50_000)
    with pytest.raises(ValueError, match="more than 40,000 tags"):
        list(each(text, "VM"))
    with pytest.raises(ValueError, match="more than 40,000 tags"):
        root(text)


def test_a_pool_may_have_more_elements_than_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, MOST_TAGS=10_000, AT_ONCE=1 << 14)
    item = "<VM><ID>1</ID>" + "<NAME>" + "x" * 100 + "</NAME>" + "</VM>"
    assert len([*each(f"<P>{item * 20_000}</P>", "VM")]) == 20_000


@pytest.mark.parametrize("most", [100, 10_000], ids=["in_parts", "as_a_whole"])
def test_what_users_write_is_not_taken_for_tags(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, MOST_TAGS=most, AT_ONCE=100)
    item = "<VM><ID>1</ID><A><![CDATA[" + "<=" * 300 + "]]></A></VM>"
    assert [one.findtext("A") for one in each(f"<P>{item * 3}</P>", "VM")] == ["<=" * 300] * 3
    assert root(item).findtext("A") == "<=" * 300


@pytest.mark.parametrize("comment", ["<!-- {} -->", "<?x {} ?>"])
def test_tags_are_not_hidden_by_what_only_looks_like_a_text(
    comment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(monkeypatch, MOST_TAGS=1_000)
    hidden = comment.format("<![CDATA[") + "<a/>" * 2_000 + comment.format("]]>")
    with pytest.raises(ValueError, match="more than 1,000 tags"):
        root(f"<P>{hidden}</P>")


def test_a_text_of_many_megabytes_costs_neither_its_item_nor_the_others() -> None:
    long = "<VM><ID>2</ID><A><![CDATA[" + "x" * 11_000_000 + "]]></A><B><![CDATA[b]]></B></VM>"
    text = f"<P><VM><ID>1</ID><A><![CDATA[a]]></A></VM>{long}{long}<VM><ID>3</ID></VM></P>"
    found = [(identity(one), one.findtext("A"), one.findtext("B")) for one in each(text, "VM")]
    assert found == [("1", "a", None), ("2", "", "b"), ("2", "", "b"), ("3", None, None)]
    assert root(long).findtext("B") == "b"


@pytest.mark.parametrize(
    "text",
    ["", "x" * 50, "<![CDATA[" + "x" * 50, "]]>" * 20, "<![CDATA[]]>" * 20, "<![CDATA[12345678]]>" * 3],
)
def test_texts_that_are_short_or_have_no_end_stay(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, _LONG=20)
    assert without_long_texts(text) == text
