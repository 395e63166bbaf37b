"""Items in XML: numbers that must make sense, and those that did not change."""

import pytest

from stratoscope.clouds.opennebula.client.items import Element, Unchanged, amount, identity, optional, root


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
