"""Compares text with a file in tests/golden; a target of the Makefile writes these files anew."""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent.parent / "golden"


def assert_golden(name: str, text: str, make: str = "golden") -> None:
    """The text is what tests/golden/NAME holds; with STRATOSCOPE_GOLDEN=1 it is put there instead."""
    file = GOLDEN / name
    if os.environ.get("STRATOSCOPE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="")
    assert file.exists(), f"tests/golden/{name} is missing: run `make {make}` and review what it wrote"
    with file.open(encoding="utf-8", newline="") as golden:
        expected = golden.read()
    assert text == expected, f"differs from tests/golden/{name}; if that is right, run `make {make}`"
