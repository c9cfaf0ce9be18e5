"""Hostile texts in every text field, then every page looked at in Chromium: nothing of them runs.

The texts stand in tests/web/injection.jsonl, each with its kind. What is taken comes back as it
was sent; what is not is refused with a problem document. In the browser a script that runs, a
violation of the policy, a dialog and a request to elsewhere all count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cameras.onvif.house import beside
from tests.web import footage
from tests.web.site import PASSWORD, Served, open_web_site, serve_web_site
from tests.web.ui.devserver import STATIC
from tests.web.ui.test_console import browser
from vms.core.clock import FakeClock, rfc3339
from vms.core.config_camera import CameraSettings
from vms.core.plain import plain
from vms.simulator.fleet import Fleet

__all__ = ["browser"]  # the fixture

CORPUS = [
    (kind, text)
    for kind, text in map(
        json.loads, (Path(__file__).parents[1] / "injection.jsonl").read_text().splitlines()
    )
]
ROUTES = Path(__file__).parents[3] / "web" / "ui" / "src" / "lib" / "route.ts"
SPAN = {"start": rfc3339(footage.START), "end": rfc3339(footage.GAP)}
# What our own code writes while texts are planted: their names are ids, and never a text.
OURS = re.compile(r"^(video/\.gozcu/holds(/[0-9a-f]{12}\.json)?|data/audit(/pending|/lock)?)$")
TELL = """
window.__told = [];
window.__ran = (what) => { window.__told.push('ran ' + what); };
for (const name of ['alert', 'confirm', 'prompt', 'print'])
  window[name] = (what) => window.__told.push(name + ' ' + what);
document.addEventListener('securitypolicyviolation', (event) =>
  window.__told.push('violation ' + event.violatedDirective + ' ' + event.blockedURI));
"""


@dataclass
class Planted:
    """What was sent where, and what of it was taken. `texts`: each with its number."""

    texts: list[tuple[int, str]]
    sent: int = 0
    refused: int = 0
    harmed: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Field:
    """A text field: what is sent, under which key it is found again, and where all are listed.

    `same`: what of the text is kept (blanks around a name are not).
    """

    name: str
    request: Callable[[int, str], tuple[str, str, Any]]
    key: Callable[[int, Any], Any]
    listed: str
    texts: Callable[[Any], dict[Any, str]]
    same: Callable[[str], str] = str.strip


INVENTORY = ("make", "model", "serial", "firmware", "notes")
CAMERA_FIELDS: dict[str, tuple[Callable[[str], dict[str, Any]], Callable[[Any], str]]] = {
    "name": (lambda text: {"name": text}, lambda found: found["name"]),
    "groups": (lambda text: {"groups": [text]}, lambda found: found["groups"][0]),
    "username": (lambda text: {"username": text}, lambda found: found["username"]),
    "motion": (
        lambda text: {"motion": {"zones": [{"name": text, "points": [[0, 0], [1, 0], [1, 1]]}]}},
        lambda found: found["motion"]["zones"][0]["name"],
    ),
    **{
        name: (
            lambda text, name=name: {"inventory": {name: text}},
            lambda found, name=name: (found["inventory"] or {name: ""})[name],
        )
        for name in INVENTORY
    },
}
GATE = "/api/cameras/gate-north"
EVENTS = f"{GATE}/events?start={SPAN['start']}&end={SPAN['end']}"


def _by(key: str, text: str, under: str = "") -> Callable[[Any], dict[Any, str]]:
    return lambda found: {row[key]: row[text] for row in (found[under] if under else found)}


def _id(number: int, made: Any) -> Any:
    return made["id"]


FIELDS = (
    Field(
        "person", lambda n, t: ("POST", "/api/people", {
            "name": t, "password": f"{PASSWORD}-{n}",
            "grants": [{"role": "operator", "cameras": [f"group:{t}" if t.strip() else "*"]}],
        }),
        lambda n, made: made["name"], "/api/people", _by("name", "name"),
    ),
    Field(
        "role", lambda n, t: ("PUT", f"/api/roles/{_quoted(t)}", {"permissions": ["cameras"]}),
        lambda n, made: made["name"], "/api/roles", _by("name", "name"),
    ),
    Field(
        "hold", lambda n, t: (
            "POST", "/api/holds", {"camera": "gate-north", "reason": t, **SPAN}
        ),
        _id, "/api/holds", _by("id", "reason"), plain,
    ),
    Field(
        "event", lambda n, t: (
            "POST", f"{GATE}/events", {"kind": "motion", "detail": t, **SPAN}
        ),
        _id, EVENTS, _by("id", "detail"), lambda text: text.replace("\0", ""),
    ),
    Field(
        "export", lambda n, t: (
            "POST", "/api/exports", {"cameras": ["gate-north"], "reason": t, **SPAN}
        ),
        _id, "/api/exports", _by("id", "reason"), plain,
    ),
    Field(
        "approval", lambda n, t: ("POST", "/api/approvals", {
            "action": "sound", "camera": "gate-north", "reason": t,
            "start": f"2026-11-22T10:{n // 60 % 60:02}:{n % 60:02}.{n:06}Z",
        }),
        _id, "/api/approvals", _by("id", "reason"), plain,
    ),
    Field(
        "rule", lambda n, t: ("PUT", f"/api/retention/rules/r-{n}", {
            "keep": 8_640_000, "cameras": ["none"], "reason": t,
        }),
        lambda n, made: f"r-{n}", "/api/retention", _by("name", "reason", "rules"), str,
    ),
    Field(
        "rule name", lambda n, t: ("PUT", f"/api/retention/rules/{_quoted(t)}", {
            "keep": 8_640_000, "cameras": ["none"], "reason": f"n-{n}",
        }),
        lambda n, made: f"n-{n}", "/api/retention", _by("reason", "name", "rules"), str,
    ),
)  # fmt: skip


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with beside() as found:
        yield found


@pytest.fixture(scope="module")
def served(ground: Path, fleet: Fleet) -> Iterator[Served]:
    clock, folder = FakeClock(footage.NOW), ground / "injected"
    folder.mkdir()
    with open_web_site(folder, clock) as site, footage.recorded(site.parts.settings, clock):
        site.parts.accounts.add("ayse", PASSWORD, role="admin")
        site.parts.cameras.add(
            CameraSettings.model_validate(
                {"id": "gate", "source": fleet.url("gate"), "username": "vms", "password": "gozcu",
                 "onvif": fleet.device("gate").url("device_service")}
            ),
            "test",
        )  # fmt: skip
        with serve_web_site(replace(site, static=STATIC)) as served:
            yield served


@pytest.fixture(scope="module", params=["day", pytest.param("night", marks=pytest.mark.nightly)])
def planted(request: pytest.FixtureRequest, served: Served) -> Planted:
    """The corpus in every field; a whole value or a refusal, and nothing between.

    By day every third of its texts, by night the others.
    """
    by_day, parts = request.param == "day", served.site.parts
    told = Planted([(n, text) for n, (_, text) in enumerate(CORPUS) if (n % 3 == 0) == by_day])
    token = parts.sessions.make_token(parts.accounts.get("ayse"), "injection")
    before = _names(served)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=served.url, headers=headers, timeout=60) as client:
        _plant_cameras(client, told)
        for one in FIELDS:
            _plant(client, one, told)
    made = {name for name in _names(served) - before if not OURS.search(name)}
    assert (before - _names(served), made) == (set(), set()), "a text became a file"
    assert not list(Path().glob("PWNED*"))
    return told


def _plant(client: httpx2.Client, one: Field, told: Planted) -> None:
    wanted = {}
    for number, text in told.texts:
        if one.name in ("person", "role", "rule", "rule name") and number % 4:
            continue  # each costs a hash of a password, or a change of all rules
        method, path, body = one.request(number, text)
        answer = client.request(method, path, json=body)
        if _taken(answer, one.name, text, told):
            made = answer.json() if answer.content else None
            wanted[one.key(number, made)] = one.same(text)
    found = one.texts(client.get(one.listed).json())
    _compare(one.name, wanted, found, told)


def _plant_cameras(client: httpx2.Client, told: Planted) -> None:
    """A camera for each text, and the text in all of its fields that take it."""
    wanted: dict[str, set[str]] = {}
    for number, text in told.texts:
        place = {"id": f"c-{number}", "source": "rtsp://10.0.0.7/x", "sub": "rtsp://10.0.0.7/y"}
        place["record"] = "off"
        everywhere = {"inventory": dict.fromkeys(INVENTORY, text)}
        for name in set(CAMERA_FIELDS) - set(INVENTORY):
            everywhere |= CAMERA_FIELDS[name][0](text)
        if client.post("/api/cameras", json=place | everywhere).is_success:
            told.sent += len(CAMERA_FIELDS)
            wanted[f"c-{number}"] = set(CAMERA_FIELDS)
            continue
        client.post("/api/cameras", json=place).raise_for_status()
        wanted[f"c-{number}"] = {
            name
            for name, (put, _) in CAMERA_FIELDS.items()
            if _taken(client.patch(f"/api/cameras/c-{number}", json=put(text)), name, text, told)
        }
    found = {row["id"]: row for row in client.get("/api/registry").json()}
    for number, text in told.texts:
        row = found[f"c-{number}"]
        for name in wanted[f"c-{number}"]:
            read = CAMERA_FIELDS[name][1]
            _compare(f"camera {name}", {number: text.strip()}, {number: read(row)}, told)
        told.names.append(row["name"])


def _taken(answer: httpx2.Response, name: str, text: str, told: Planted) -> bool:
    told.sent += 1
    assert answer.status_code < 500, (name, text, answer.text)
    if answer.is_success:
        return True
    told.refused += 1
    assert answer.headers["content-type"] == "application/problem+json", (name, text)
    return False


def _compare(name: str, wanted: dict[Any, str], found: dict[Any, str], told: Planted) -> None:
    told.harmed += [
        f"{name}: {text!r} came back as {found.get(key)!r}"
        for key, text in wanted.items()
        if found.get(key) != text
    ]


def _names(served: Served) -> set[str]:
    """All that lies in the site's folder, but for what SQLite keeps beside its file."""
    root = served.site.parts.settings.system.data.parent
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    return {name for name in found if ".db" not in name and "ledger" not in name}


def test_every_text_comes_back_unharmed(planted: Planted, record_property: Any) -> None:
    assert len(CORPUS) >= 150
    assert planted.sent > 10 * len(planted.texts) > 700
    assert planted.harmed == []
    assert planted.refused < planted.sent / 2
    said = (
        f"{len(planted.texts)} texts, {planted.sent} in {len(FIELDS) + len(CAMERA_FIELDS)} fields"
    )
    record_property("injection", f"{said}, {planted.refused} refused, 0 harmed")


def pages() -> list[str]:
    """All pages of the console, as its router names them."""
    found = re.search(r"PLAIN = \[(.*?)\]", ROUTES.read_text(), re.DOTALL)
    assert found is not None
    plain_pages = [f"/{name}" for name in re.findall(r"'(\w+)'", found[1])]
    at = f"?at={SPAN['start']}"
    hostile = "/camera/" + _quoted("<img src=x onerror=__ran(1)>")
    cameras = [f"/camera/c-{number}" for number in (3, 28, 31)]
    own = ["/", "/cameras/find", "/camera/gate", f"/camera/gate-north{at}", hostile, *cameras]
    return [*plain_pages, *own, "/nowhere/<svg onload=__ran(1)>"]


def test_no_page_runs_anything_of_it(
    browser: Browser, served: Served, planted: Planted, record_property: Any
) -> None:
    context = browser.new_context(locale="tr-TR")
    context.add_init_script(TELL)
    page = context.new_page()
    wrong: list[str] = []
    page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda asked: _check_place(asked.url, served.url, wrong))
    page.on("console", lambda said: wrong.append(said.text) if "Policy" in said.text else None)
    page.goto(served.url)
    page.fill("#username", "ayse")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    expect(page.get_by_role("navigation", name="Bölümler")).to_be_visible()
    for path in pages():
        page.goto(served.url + path)
        page.wait_for_load_state("networkidle")
        page.mouse.move(300, 300)  # for what waits for a pointer
        wrong += [f"{path}: {told}" for told in page.evaluate("window.__told")]
        wrong += _elements(page, path)
    page.goto(f"{served.url}/cameras")
    _shows(page, planted)
    assert wrong == []
    context.close()
    record_property("injection", f"{len(pages())} pages, 0 scripts run, 0 violations")


def test_the_browser_tells_when_something_runs(browser: Browser, served: Served) -> None:
    """What the test before asserts can fail."""
    context = browser.new_context()
    context.add_init_script(TELL)
    page = context.new_page()
    page.goto(served.url)
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=__ran(1)>"
        "<img src=//evil.test/p.png>')"
    )
    page.wait_for_function("window.__told.length >= 2")
    told = page.evaluate("window.__told")
    assert any("violation script-src" in one for one in told)
    assert any("violation img-src" in one for one in told)
    assert not any(one.startswith("ran") for one in told)  # the policy holds even then
    context.close()


def _check_place(url: str, ours: str, wrong: list[str]) -> None:
    if not url.startswith((ours, "blob:", "data:")):
        wrong.append(f"request to {url}")


def _elements(page: Page, path: str) -> list[str]:
    """Elements that only a text could have brought."""
    found = page.evaluate(
        '[...document.querySelectorAll(\'script:not([src^="/assets/"]), iframe, object, embed, '
        "base, marquee, meta[http-equiv=refresh], [onerror], [onload], [onclick], [onfocus]')]"
        ".map((one) => one.outerHTML.slice(0, 120))"
    )
    return [f"{path}: {one}" for one in found]


def _shows(page: Page, planted: Planted) -> None:
    """The names stand on the page as they are."""
    expect(page.locator(f"[data-camera=c-{planted.texts[0][0]}]").first).to_be_visible()
    shown = page.locator("main").inner_text()
    flat = " ".join(shown.split())
    wanted = [
        " ".join(name.split()) for name in planted.names if name.isascii() and name.isprintable()
    ]
    missing = [name for name in wanted if name and name not in flat]
    assert len(missing) < len(wanted) / 10, missing[:5]
