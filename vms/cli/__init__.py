"""The `vms` command (contracts: design §8).

Exit codes: 0 done, 1 failed, 2 wrong usage. Facts go to stdout, as tables or with `--json` as
JSON; everything else goes to stderr. Times are RFC 3339; what is printed is UTC in JSON and the
site's zone in tables.
"""

from __future__ import annotations

import sys

from vms.core.errors import BadRequest, VmsError


def main() -> None:
    """Run the command line; errors on purpose become one line, never a traceback."""
    from vms.cli.commands import app

    try:
        app()
    except BadRequest as error:
        print(f"vms: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except VmsError as error:
        print(f"vms: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except BrokenPipeError:
        # The reader of our output went away (`vms segments | head`): nothing to say to it.
        sys.stderr.close()
        raise SystemExit(0) from None
