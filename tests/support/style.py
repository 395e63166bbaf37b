"""The style sheet's colours, and how well they can be told apart (WCAG 2, contrast ratio)."""

import re
from collections.abc import Mapping
from importlib import resources
from typing import Final

STYLE: Final = (resources.files("stratoscope.core.web") / "static" / "style.css").read_text()
_COLOUR: Final = re.compile(r"--([\w-]+):\s*#([0-9a-f]{6});")


def colours(scheme: str) -> Mapping[str, str]:
    """Name -> RRGGBB, of the scheme `light` or `dark`."""
    light, dark = (dict(_COLOUR.findall(block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL))
    return light if scheme == "light" else light | dark


def contrast(one: str, other: str) -> float:
    """1 for the same colour to 21 for black on white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
