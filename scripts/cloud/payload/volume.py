# Cinder is inside alone:
# mypy: disable-error-code="import-not-found,import-untyped"
"""cinder-volume, without the packages of real storage."""

import sys

from cinder.cmd.volume import main

sys.argv[0] = "cinder-volume"
main()
