"""`python -m vms.simulator` is `vms simulate`."""

from vms.simulator.cli import app

app(prog_name="vms simulate")
