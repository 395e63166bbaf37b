"""The sample configuration files: good ones, and one bad one per mistake with the message beside it."""

from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "fixtures" / "config"


def names(folder: str) -> list[str]:
    """Of the files in `good` or `bad`, without suffix."""
    return sorted(path.stem for path in (SAMPLES / folder).glob("*.yml"))


def sample(folder: str, name: str) -> Path:
    """The file."""
    return SAMPLES / folder / f"{name}.yml"


def assert_message(message: str, name: str) -> None:
    """The message is what stands beside the bad file; `FILE` there is its name, `...` at the end anything."""
    file = sample("bad", name)
    expected = file.with_suffix(".txt").read_text(encoding="utf-8").removesuffix("\n")
    expected = expected.replace("FILE", str(file))
    start = expected.removesuffix("...")
    assert message == expected or (start != expected and message.startswith(start) and message != start)
