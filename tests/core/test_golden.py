"""The helper by which golden files are compared and written."""

from pathlib import Path

import pytest

from support import golden


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(golden, "GOLDEN", tmp_path / "files")
    monkeypatch.delenv("STRATOSCOPE_GOLDEN", raising=False)
    return tmp_path / "files"


def test_missing_golden_file_is_named(folder: Path) -> None:
    with pytest.raises(AssertionError, match=r"tests/golden/a\.prom is missing: run `make golden`"):
        golden.assert_golden("a.prom", "text")
    assert not folder.exists()


def test_golden_file_is_written_only_when_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("STRATOSCOPE_GOLDEN", "1")
        golden.assert_golden("sub/a.prom", "é\r\n")
    assert (folder / "sub/a.prom").read_bytes() == "é\r\n".encode()
    golden.assert_golden("sub/a.prom", "é\r\n")
    with pytest.raises(AssertionError, match=r"differs from tests/golden/sub/a\.prom"):
        golden.assert_golden("sub/a.prom", "é\n")
