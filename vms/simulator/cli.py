"""`vms simulate`: run simulated cameras, and make things go wrong with them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vms.core.errors import VmsError
from vms.core.log import configure_logging
from vms.simulator.control import ask
from vms.simulator.faults import KINDS
from vms.simulator.spec import DEMO_FLEET, FleetSettings, load_fleet

if TYPE_CHECKING:
    from vms.simulator.fleet import Fleet

app = typer.Typer(help="Simulated cameras for the demo, tests and benchmarks.")

_CONTROL_PORT = 8555
ControlOption = Annotated[int, typer.Option(help="Port of the running simulator's control.")]


@app.callback(invoke_without_command=True)
def simulate(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(help="TOML file that describes a fleet.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="The demo's six cameras.")] = False,
    load: Annotated[
        int, typer.Option(min=0, max=1000, help="That many load cameras, load-000 and so on.")
    ] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="RTSP port; 0 takes a free one.")] = 8554,
    control_port: Annotated[int, typer.Option(help="Control port; 0: any.")] = _CONTROL_PORT,
    onvif: Annotated[
        bool, typer.Option("--onvif", help="An ONVIF device beside each camera, and discovery.")
    ] = False,
    onvif_port: Annotated[
        int | None, typer.Option(help="With --onvif: the first device's port; 0: any.")
    ] = None,
    discovery_port: Annotated[
        int | None, typer.Option(help="With --onvif: where probes are answered; 0: any.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is random.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the cameras as JSON.")] = False,
) -> None:
    """Serve simulated cameras over RTSP until stopped; without options, the demo's."""
    if context.invoked_subcommand is not None:
        return
    configure_logging()
    if config is not None and demo:
        raise typer.BadParameter("--config and --demo exclude each other")
    try:
        settings = load_fleet(config) if config else FleetSettings()
        if demo or not (config or load):
            settings = DEMO_FLEET
        if load:
            settings = dataclasses.replace(settings, load=load)
        if onvif:
            settings = dataclasses.replace(settings, onvif=True)
        if onvif_port is not None:
            settings = dataclasses.replace(settings, onvif_port=onvif_port)
        if discovery_port is not None:
            settings = dataclasses.replace(settings, discovery_port=discovery_port)
        if seed is not None:
            settings = dataclasses.replace(settings, seed=seed)
        asyncio.run(_serve(settings, host, port, control_port, as_json=json_))
    except (VmsError, OSError) as error:
        typer.echo(f"vms simulate: {error}", err=True)
        raise typer.Exit(1) from error


@app.command()
def fault(
    camera: Annotated[str, typer.Argument(help="Which camera.")],
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(KINDS)}, or 'none'.")],
    argument: Annotated[list[str] | None, typer.Argument(help="As rate=0.05.")] = None,
    lasting: Annotated[float | None, typer.Option(help="Seconds until it ends by itself.")] = None,
    control_port: ControlOption = _CONTROL_PORT,
) -> None:
    """Switch a fault of a running simulator on; NAME 'none' switches all off."""
    request: dict[str, Any] = {"op": "clear", "camera": camera}
    if name != "none":
        args = dict(_argument(text) for text in argument or [])
        request |= {"op": "fault", "name": name, "args": args, "lasting": lasting}
    _send(control_port, request)


@app.command()
def clear(camera: str, name: str, control_port: ControlOption = 8555) -> None:
    """Switch one fault off."""
    _send(control_port, {"op": "clear", "camera": camera, "name": name})


@app.command()
def stats(control_port: ControlOption = _CONTROL_PORT) -> None:
    """Print what a running simulator has sent, as JSON."""
    typer.echo(json.dumps(_send(control_port, {"op": "stats"}), indent=2))


def _argument(text: str) -> tuple[str, float | bool]:
    key, equals, value = text.partition("=")
    if equals and value in ("true", "false"):
        return key, value == "true"
    with contextlib.suppress(ValueError):
        return key, int(value) if value.lstrip("-").isdigit() else float(value)
    raise typer.BadParameter(f"{text!r} is not KEY=NUMBER")


def _send(port: int, request: dict[str, Any]) -> Any:
    try:
        return ask(port, request)
    except (VmsError, OSError) as error:
        typer.echo(f"vms simulate: {error}", err=True)
        raise typer.Exit(1) from error


async def _serve(
    settings: FleetSettings, host: str, port: int, control_port: int, *, as_json: bool
) -> None:
    from vms.simulator.fleet import Fleet  # brings NumPy, OpenCV and libav: only where they run

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Fleet(settings, host, port, control_port) as fleet:
        cameras = fleet.describe()
        if as_json:
            facts = {"port": fleet.port, "control_port": fleet.control_port, "cameras": cameras}
            print(json.dumps(facts), flush=True)
        else:
            _print_cameras(cameras, fleet)
        await stopped.wait()


def _print_cameras(cameras: list[dict[str, Any]], fleet: Fleet) -> None:
    shown = cameras[:12]
    for camera in shown:
        user = f"  user {camera['username']} password {camera['password']}"
        sub = f"  sub {camera['sub']}" if camera["sub"] else ""
        print(f"{camera['main']}{sub}{user if camera['username'] else ''}")
        if camera["onvif"]:
            print(f"  {camera['onvif']}")
    if len(cameras) > len(shown):
        print(f"… and {len(cameras) - len(shown)} more, to {cameras[-1]['main']}")
    print(f"control: port {fleet.control_port} of this machine; Ctrl-C ends", flush=True)
