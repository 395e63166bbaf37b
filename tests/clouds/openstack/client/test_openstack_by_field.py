"""Items decoded field by field: what costs a field, and what the item."""

import msgspec
import pytest

from stratoscope.clouds.openstack.client.by_field import ByField


class Part(msgspec.Struct, frozen=True):
    size: int
    label: str | None = None


class Item(msgspec.Struct, frozen=True, rename={"host": "OS:host"}):
    id: str
    part: Part
    name: str = ""
    host: str | None = None
    spare: Part | None = None
    is_public: bool = True
    amount: int = 0
    parts: list[Part] = []

    def __post_init__(self) -> None:
        if self.name == "refused":
            raise ValueError("refused")


ITEMS = ByField(Item)


def read(**changes: object) -> tuple[Item, list[str]]:
    return ITEMS.decode(msgspec.json.encode({"id": "a", "part": {"size": 1}} | changes))


def test_item_that_makes_sense_is_what_it_is_in_one_go() -> None:
    body = msgspec.json.encode({"id": "a", "part": {"size": 1}, "OS:host": "h", "more": [1]})
    assert ITEMS.decode(body) == (msgspec.json.decode(body, type=Item), [])


@pytest.mark.parametrize("key", ["name", "OS:host", "spare", "is_public"])
def test_null_leaves_a_field_at_its_default_and_is_nothing_wrong(key: str) -> None:
    assert read(**{key: None}) == (Item("a", Part(1)), [])


@pytest.mark.parametrize("key", ["name", "OS:host", "spare"])
def test_what_makes_no_sense_costs_a_field_that_is_not_known_otherwise_and_is_told(key: str) -> None:
    item, errors = read(**{key: 7})
    assert item == Item("a", Part(1))
    assert len(errors) == 1
    assert key in errors[0]


@pytest.mark.parametrize("bad", [{"is_public": "yes"}, {"amount": "many"}, {"amount": None}], ids=str)
def test_what_makes_no_sense_is_no_invented_value(bad: dict[str, object]) -> None:
    with pytest.raises(msgspec.DecodeError, match=next(iter(bad))):
        read(**bad)


@pytest.mark.parametrize(
    "bad", [{"id": 7}, {"id": None}, {"part": None}, {"part": 7}, {"part": {}}, {"name": "refused"}], ids=str
)
def test_item_makes_no_sense_without_what_it_is_about(bad: dict[str, object]) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(**bad)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(msgspec.DecodeError, match="missing required field `part`"):
        ITEMS.decode(b'{"id": "a"}')


def test_a_struct_inside_is_read_field_by_field_as_well() -> None:
    item, errors = read(part={"size": 1, "label": 7}, spare={"size": 2, "label": None})
    assert (item, len(errors)) == (Item("a", Part(1), spare=Part(2)), 1)
    item, errors = read(spare={"size": "x"})
    assert (item, len(errors)) == (Item("a", Part(1)), 1)


def test_of_a_list_of_structs_each_costs_itself() -> None:
    item, errors = read(parts=[{"size": 1}, {"size": "x"}, 7, {"size": 2, "label": 7}])
    assert (item.parts, len(errors)) == ([Part(1), Part(2)], 3)
    assert read(parts=None) == (Item("a", Part(1)), [])
    with pytest.raises(msgspec.DecodeError, match="parts"):
        read(parts=7)
