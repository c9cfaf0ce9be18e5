"""Commands that run the system: up, its processes alone, demo, openapi."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from vms.cli.options import DEFAULT_CONFIG, Config, print_json


def add_to(app: typer.Typer) -> None:
    """Put this module's commands into `app`."""
    app.command("up")(start)
    app.command("demo")(demo)
    app.command("recorder")(recorder)
    app.command("web")(web)
    app.command("live", hidden=True)(live)
    app.command("openapi")(openapi)


def start(config: Config = DEFAULT_CONFIG) -> None:
    """Run the system: recorder, live and web, until Ctrl-C."""
    from vms.app import screen, up
    from vms.core.log import configure_logging

    configure_logging()
    options = up.Options(log_files=sys.stdout.isatty())
    asyncio.run(up.run(config, options, screen.show))


def demo(config: Config = DEFAULT_CONFIG) -> None:
    """Run the system with simulated cameras (the fleet of cameras.toml)."""
    from vms.app import demo as demo_site
    from vms.app import screen, up
    from vms.core.log import configure_logging

    configure_logging()
    asyncio.run(up.run(config, demo_site.options(config), screen.show))


def recorder(config: Config = DEFAULT_CONFIG) -> None:
    """Run the recorder alone."""
    from vms.app import roles

    roles.run_alone("recorder", config)


def web(config: Config = DEFAULT_CONFIG) -> None:
    """Run the web server alone."""
    from vms.app import roles

    roles.run_alone("web", config)


def live(
    config: Config = DEFAULT_CONFIG,
    index: Annotated[int, typer.Option(help="Which of the live processes.")] = 0,
) -> None:
    """Run one live process alone."""
    from vms.app import roles

    roles.run_alone("live", config, index)


def openapi(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it here.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Print the OpenAPI document of the HTTP API; it is that of every site."""
    import json

    from web.server import openapi_document

    document = openapi_document()
    if output is None:
        print_json(document)
    else:
        output.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
