"""Records that were renamed: they keep their old names, too, for one major version. Source: old_names.yml."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec

SUBJECT: Final = "old_names"


class OldName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What has another name now.

    Attributes:
        new: The name of the record or alert; "" for one that is gone.
        until: The version of the bundle in which the old name ends.
    """

    new: str
    until: str


@cache
def known() -> Mapping[str, OldName]:
    """By the old name, of records and of alerts."""
    file = resources.files(__package__) / f"{SUBJECT}.yml"
    return msgspec.yaml.decode(file.read_bytes(), type=dict[str, OldName] | None) or {}


def groups(names: Mapping[str, OldName]) -> list[dict[str, Any]]:
    """The rules that record the same under the old names. Alerts are none of them: they would fire twice."""
    rules = [{"record": old, "expr": name.new} for old, name in names.items() if ":" in old and name.new]
    return [{"name": "stratoscope-old-names", "interval": "1m", "rules": rules}] if rules else []
