"""The sample configuration files: good ones, and one bad one per mistake with the message beside it."""

from pathlib import Path

import pytest

from stratoscope.clouds.registry import KINDS
from stratoscope.programs import EXPORTERS

SAMPLES = Path(__file__).parents[1] / "fixtures" / "config"


def names(folder: str) -> list[str]:
    """Of the files in a folder such as `good` or `bad`, without suffix."""
    return sorted(path.stem for path in (SAMPLES / folder).glob("*.yml"))


def sample(folder: str, name: str) -> Path:
    """The file."""
    return SAMPLES / folder / f"{name}.yml"


def message(name: str, file: Path | None = None, folder: str = "bad") -> str:
    """What stands beside the bad file; FILE there is its name, EXPORTERS and KINDS are all that exist."""
    text = sample(folder, name).with_suffix(".txt").read_text(encoding="utf-8").removesuffix("\n")
    text = text.replace("EXPORTERS", ", ".join(EXPORTERS)).replace("KINDS", ", ".join(sorted(KINDS)))
    return text.replace("FILE", str(file or sample(folder, name)))


def assert_message(said: str, name: str, folder: str = "bad") -> None:
    """It is the message of the bad file; `...` at its end is anything."""
    expected = message(name, folder=folder)
    start = expected.removesuffix("...")
    assert said == expected or (start != expected and said.startswith(start) and said != start)


def nothing_around(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Neither this machine's clouds.yaml nor its variables; this folder is HOME and the current one."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_CLIENT_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
