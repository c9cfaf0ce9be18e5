"""How soon a dead, a hung and a silent camera are known, and whether a healthy one ever is."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import httpx2

from benchmarks.console import console
from benchmarks.processes import median, workplace
from benchmarks.report import Figure, Report
from benchmarks.site import Cameras, load_name, simulator, write_settings

CAMERAS = 12
ROUNDS = 4
_WELL = frozenset({"recording", "streaming", "waiting"})
_PATIENCE = 30.0  # seconds: what is not known by then counts as that
_KINDS: Mapping[str, dict[str, Any]] = {
    "dead: connections closed, new ones too": {"name": "stop"},
    "hung: connected, nothing answered": {"name": "hang"},
    "silent: it answers, no packet comes": {"name": "drop", "args": {"rate": 1.0}},
}


def run(cameras: int = CAMERAS, rounds: int = ROUNDS, seed: int = 1) -> Report:
    """In each round one camera of each kind falls ill at a random moment; the others stay well."""
    rng, known, false = random.Random(seed), dict[str, list[float]](), 0
    names = [load_name(number) for number in range(cameras)]
    with workplace() as folder, simulator(folder, "--load", str(cameras)) as served:
        config = write_settings(folder, {name: (served.url(name), None) for name in names})
        with console(config, cameras=cameras) as site, httpx2.Client(base_url=site.url) as web:
            login = {"username": site.user, "password": site.password}
            web.post("/api/session", json=login).raise_for_status()
            for _ in range(rounds):
                time.sleep(5 + 5 * rng.random())
                ill = dict(zip(rng.sample(names, len(_KINDS)), _KINDS, strict=True))
                delays, wrong = _round(web, served, ill)
                for kind, delay in delays.items():
                    known.setdefault(kind, []).append(delay)
                false += wrong
                _heal(web, served, ill)
    return Report(
        name="sick",
        title="A sick camera is known",
        how=(
            f"`vms up` with {cameras} cameras of 4 Mbit/s; {rounds} times one of them dies, one "
            "hangs and one falls silent. Counted until GET /api/cameras, asked ten times a "
            "second, says so."
        ),
        figures=(
            *(Figure(f"{kind}, worst", max(delays), "s", 10.0) for kind, delays in known.items()),
            *(Figure(f"{kind}, median", median(delays), "s") for kind, delays in known.items()),
            Figure("healthy cameras called sick", false, "", 0, digits=0),
        ),
    )


def _round(
    web: httpx2.Client, served: Cameras, ill: Mapping[str, str]
) -> tuple[dict[str, float], int]:
    """Seconds until each kind is known, and how many others were called sick meanwhile."""
    for name, kind in ill.items():
        served.ask(op="fault", camera=name, **_KINDS[kind])
    began, found = time.monotonic(), dict[str, float]()
    wrong: set[str] = set()
    while len(found) < len(ill) and time.monotonic() - began < _PATIENCE:
        states = _states(web)
        for name, kind in ill.items():
            if states[name] not in _WELL:
                found.setdefault(kind, time.monotonic() - began)
        wrong |= {name for name, state in states.items() if state not in _WELL and name not in ill}
        time.sleep(0.1)
    return {kind: found.get(kind, _PATIENCE) for kind in ill.values()}, len(wrong)


def _heal(web: httpx2.Client, served: Cameras, ill: Mapping[str, str]) -> None:
    for name in ill:
        served.ask(op="clear", camera=name)
    deadline = time.monotonic() + 60
    while any(state not in _WELL for state in _states(web).values()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all cameras came back within a minute: {_states(web)}")
        time.sleep(0.5)


def _states(web: httpx2.Client) -> dict[str, str]:
    answer = web.get("/api/cameras").raise_for_status()
    return {camera["id"]: camera["state"] for camera in answer.json()}
