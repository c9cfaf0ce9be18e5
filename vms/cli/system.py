"""Commands that run the system: up, its processes alone, demo, openapi."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from vms.app import demo as demo_site
from vms.app import roles, screen, up
from vms.app.site import open_site
from vms.cli.options import DEFAULT_CONFIG, Config, print_json
from vms.core.config_file import check_writable, load_settings
from vms.core.log import configure_logging


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
    configure_logging()
    options = up.Options(log_files=sys.stdout.isatty())
    asyncio.run(up.run(config, options, screen.show))


def demo(config: Config = DEFAULT_CONFIG) -> None:
    """Run the system with simulated cameras (the fleet of cameras.toml)."""
    configure_logging()
    asyncio.run(up.run(config, demo_site.options(config), screen.show))


def recorder(
    config: Config = DEFAULT_CONFIG,
    worker: Annotated[int | None, typer.Option(help="Run only this worker.", hidden=True)] = None,
) -> None:
    """Run the recorder alone."""
    configure_logging()
    settings = load_settings(config)
    if worker is not None:
        roles.run_recorder_worker(settings, worker)
    else:
        check_writable(settings)
        with open_site(settings) as site:
            site.registry.apply(settings.cameras)
        roles.run_recorder(settings)


def web(config: Config = DEFAULT_CONFIG) -> None:
    """Run the web server alone."""
    configure_logging()
    roles.run_web(config)


def live(
    config: Config = DEFAULT_CONFIG,
    index: Annotated[int, typer.Option(help="Which of the live processes.")] = 0,
) -> None:
    """Run one live process alone."""
    configure_logging()
    roles.run_live(load_settings(config), index)


def openapi(
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it here.")] = None,
) -> None:
    """Print the OpenAPI document of the HTTP API."""
    import json

    from web.server import openapi_document

    document = openapi_document()
    if output is None:
        print_json(document)
    else:
        output.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
