"""Where images are made, and what may go wrong."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = REPOSITORY / "build" / "images"
LOGS: Final = FOLDER / "logs"
CONTEXT: Final = FOLDER / "context"
"""The last commit, as a clone: what images are built from."""


class ImagesError(Exception):
    """Why there are no images, or what is wrong with them, in words for the user."""
