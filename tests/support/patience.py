"""How long tests wait for what happens in a moment: a busy machine decides nothing but how long it takes."""

from typing import Final

FAR_S: Final = 60.0
"""What has not happened by then does not happen."""
