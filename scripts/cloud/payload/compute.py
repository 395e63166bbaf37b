# Nova is inside alone:
# mypy: disable-error-code="import-not-found,import-untyped"
"""nova-compute with the driver of knobs.py, which Nova finds below nova.virt only."""

import sys
from pathlib import Path

import nova.virt
from nova.cmd.compute import main

nova.virt.__path__.append(str(Path(__file__).parent))
sys.argv[0] = "nova-compute"
main()
