# python-openstackclient is inside alone:
# mypy: disable-error-code="import-not-found,import-untyped"
"""`openstack ...` again and again, without its start-up time.

Reads each command as a JSON list of its arguments, and answers {"status": 0, "out": "...", "err": "..."}.
"""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout

from openstackclient.shell import OpenStackShell


def main() -> None:
    for line in sys.stdin:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                status = OpenStackShell().run(json.loads(line))
            except SystemExit as error:  # argparse
                status = error.code
        print(json.dumps({"status": status, "out": out.getvalue(), "err": err.getvalue()}), flush=True)


if __name__ == "__main__":
    main()
