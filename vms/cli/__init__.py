"""The `vms` command (contracts: design §8).

Exit codes: 0 done, 1 failed, 2 wrong usage. Facts go to stdout, as tables or with `--json` as
JSON; everything else goes to stderr. Times are RFC 3339 in UTC: exact in JSON, to the millisecond
in tables.
"""

from __future__ import annotations

import sys

from vms.core.errors import BadRequest, VmsError
from vms.core.log import configure_logging
from vms.core.privacy import keep_memory_private


def main() -> None:
    """The process of a command: `run`, with its logs on stderr. What runs the system says more."""
    configure_logging(level="warning")
    keep_memory_private()
    run()


def run() -> None:
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
