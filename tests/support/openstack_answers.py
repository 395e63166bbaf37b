"""Bodies of a real OpenStack's answers, from tests/fixtures/openstack/answers."""

from pathlib import Path
from typing import Any

import msgspec

_ANSWERS = Path(__file__).parent.parent / "fixtures" / "openstack" / "answers"


def answer(name: str) -> dict[str, Any]:
    """A body, as JSON; a new one each time, so that a test may change it."""
    body: dict[str, Any] = msgspec.json.decode((_ANSWERS / f"{name}.json").read_bytes())
    return body


def spoilt(name: str, key: str, *, field: str, value: object) -> dict[str, Any]:
    """The same with a field of the first item under `key` replaced by what makes no sense there."""
    body = answer(name)
    body[key][0][field] = value
    return body
