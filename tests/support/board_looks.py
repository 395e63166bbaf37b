"""What a panel shows beside its values, in words: units, colours, words instead of values, names, columns."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from support.board_parts import Json, words

_GOOD: Final = "#009E73"
"""Nothing is said of a panel on which all is of this colour."""
_NAMES: Final = {
    _GOOD: "good",
    "#E69F00": "near",
    "#D55E00": "bad",
    "#999999": "unknown",
    "#56B4E9": "planned",
    "#0072B2": "plain",
}
"""Colours by Okabe and Ito, by what they mean."""
_RANKED: Final = re.compile(r"\b(topk|bottomk)\((\d+)")


def looks(panel: Json) -> Mapping[str, Any]:
    """What is said of a panel; what it has not is left out.

    Keys: kind; values (unit, limits, colours from values on, words for values); empty (what it says then);
    window (if it has its own); names (of the series of its queries); most (how many series of which order are
    kept); columns (by heading: label or value, looks, link); narrowest (how wide a column is at least);
    sorted (by which column); others (looks of some series, by their name or query).
    """
    defaults = panel["fieldConfig"]["defaults"]
    overrides = {one["matcher"]["options"]: one["properties"] for one in panel["fieldConfig"]["overrides"]}
    said: dict[str, Any] = {
        "kind": _kind(panel),
        "values": ", ".join(_of_values(defaults)),
        "empty": defaults.get("noValue"),
        "window": panel.get("timeFrom"),
        "names": [one["legendFormat"] for one in panel["targets"] if one.get("legendFormat")],
        "most": ", ".join(dict.fromkeys(_most(panel["targets"]))),
    }
    if panel["type"] == "table":
        said["columns"] = dict(_columns(panel, overrides))
        said["narrowest"] = _narrowest(defaults)
        said["sorted"] = ", ".join(_sorted(panel))
    else:
        said["others"] = {name: ", ".join(_of_properties(found)) for name, found in overrides.items()}
    return {key: one for key, one in said.items() if one}


def _kind(panel: Json) -> str:
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    kind = [panel["type"]]
    kind += ["stacked"] if custom.get("stacking", {}).get("mode") == "normal" else []
    options = panel["options"]
    kind += (
        [f"{options['minVizHeight']} to {options['maxVizHeight']} px"] if "maxVizHeight" in options else []
    )
    kind += [custom["drawStyle"]] if "drawStyle" in custom else []
    return ", ".join(kind)


def _of_values(defaults: Json) -> Iterator[str]:
    if "unit" in defaults:
        yield str(defaults["unit"])
    for name, text in {"min": "from {}", "max": "to {}", "decimals": "{} decimals"}.items():
        if name in defaults:
            yield text.format(defaults[name])
    steps = defaults.get("thresholds", {}).get("steps", ())
    if [one["color"] for one in steps] != [_GOOD]:
        yield from _steps(defaults.get("thresholds"))
    yield from _words(defaults.get("mappings", ()))


def _steps(thresholds: Json | None) -> Iterator[str]:
    """Colours, and the values from which on they are."""
    for one in thresholds["steps"] if thresholds else ():
        since = "" if one["value"] is None else f" from {one['value']}"
        yield f"{_NAMES[one['color']]}{since}"


def _words(mappings: Sequence[Json]) -> Iterator[str]:
    for value, word in words(mappings).items():
        yield f"{value} = {word['text']} ({_NAMES[word['color']]})"


def _most(targets: Sequence[Json]) -> Iterator[str]:
    for target in targets:
        yield from (f"{op} {count}" for op, count in _RANKED.findall(target["expr"]))


def _narrowest(defaults: Json) -> str:
    width = defaults.get("custom", {}).get("minWidth")
    return f"{width} px" if width else ""


def _sorted(panel: Json) -> Iterator[str]:
    for one in panel["options"].get("sortBy", ()):
        yield f"{one['displayName']}, {'most' if one['desc'] else 'least'} first"


def _columns(panel: Json, overrides: Mapping[str, Sequence[Json]]) -> Iterator[tuple[str, str]]:
    (shown,) = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
    names = [name for name, wanted in shown["includeByName"].items() if wanted]
    for name in sorted(names, key=shown["indexByName"].__getitem__):
        heading = shown["renameByName"].get(name, name)
        label = name.replace("Value #", "value ").replace("Value", "value")
        usual = {"not measured"} if name.startswith("Value") else {"-", ""}
        said = [one for one in overrides[heading] if one["id"] != "noValue" or one["value"] not in usual]
        yield heading, ", ".join([label, *_of_properties(said)])


def _of_properties(properties: Sequence[Json]) -> Iterator[str]:
    for one in properties:
        yield from _PROPERTIES.get(one["id"], _unusual(one["id"]))(one["value"])


def _unusual(name: str) -> Any:
    return lambda value: [f"{name} {value}"]


_PROPERTIES: Final[Mapping[str, Any]] = {
    "unit": lambda value: [value],
    "mappings": _words,
    "thresholds": _steps,
    "links": lambda value: [f"leads to {one['url']} ({one['title']})" for one in value],
    "displayName": lambda value: [f"called {value}"],
    "color": lambda value: [_NAMES.get(value["fixedColor"], value["fixedColor"])],
    "custom.cellOptions": lambda value: ["coloured"] if value["type"] == "color-background" else [str(value)],
    "custom.lineStyle": lambda value: [value["fill"]],
    "custom.width": lambda value: [f"{value} px"],
    "custom.hideFrom": lambda value: ["hidden"] if value["viz"] else [],
}
