"""The command about retention: rules and days kept, what would go, that the clock is right."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vms.cli.options import DEFAULT_CONFIG, AsJson, Config, print_json, print_table, whoami
from vms.core.clock import SECOND, rfc3339, span_text
from vms.core.errors import BadRequest

if TYPE_CHECKING:
    from storage.keeping import Keeping
    from storage.retention import Deletion


def add_to(app: typer.Typer) -> None:
    """Put this module's command into `app`."""
    app.command("retention")(retention)


def retention(
    config: Config = DEFAULT_CONFIG,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go now, and why; delete nothing.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Say that the machine's clock is right.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the retention rules, and for each camera the time kept against the time promised."""
    from vms.app.site import open_archive

    if dry_run and confirm:
        raise BadRequest("--dry-run and --confirm are two things; ask for one at a time")
    with open_archive(config) as site:
        if confirm:
            _confirm(site.keeping, as_json=as_json)
        elif dry_run:
            _show_due(site.keeping, as_json=as_json)
        else:
            _show(site.keeping, as_json=as_json)


def _confirm(keeping: Keeping, *, as_json: bool) -> None:
    doubt = keeping.clock_doubt()
    due = keeping.due()
    now = keeping.confirm_clock(whoami())
    if as_json:
        print_json({"clock": rfc3339(now), "doubt": doubt, "segments": _segments(due)})
        return
    print(f"The clock is taken as right: {rfc3339(now, digits=0)}.")
    print(f"What is too old goes from now on: {_segments(due):,} segments at once.")


def _show_due(keeping: Keeping, *, as_json: bool) -> None:
    due = keeping.due()
    doubt = keeping.clock_doubt()
    rules = {one.rule.name: one.rule for one in keeping.stored()}
    if doubt is not None:
        print(
            f"By age nothing goes just now: {doubt}. If it is right: vms retention --confirm",
            file=sys.stderr,
        )
    facts = _summed(due, rules)
    if as_json:
        print_json(facts)
        return
    rows = [
        (
            f"{fact['camera']}/{fact['stream']}",
            str(fact["start"]),
            str(fact["end"]),
            str(fact["segments"]),
            f"{fact['bytes'] / 1e6:,.1f} MB",
            str(fact["rule"]),
            str(fact["reason"]),
        )
        for fact in facts
    ]
    columns = ("stream", "from", "to", "segments", "size", "rule", "why")
    print_table(columns, rows, empty="Nothing goes now.")


def _summed(due: Sequence[Deletion], rules: Any) -> list[dict[str, Any]]:
    """One fact per stream, rule and reason: the hours between are of no interest to people."""
    from storage.retention import sentence

    facts: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in due:
        reason = sentence(one, rules.get(one.rule))
        fact = facts.setdefault(
            (one.stream, one.rule, one.why),
            {
                "camera": str(one.stream.camera),
                "stream": one.stream.name,
                "rule": one.rule,
                "why": one.why.value,
                "reason": reason,
                "start": rfc3339(one.oldest, digits=0),
                "end": "",
                "segments": 0,
                "bytes": 0,
                "seconds": 0.0,
            },
        )
        fact["end"] = rfc3339(min(one.before, one.hour + 3_600 * SECOND), digits=0)
        fact["segments"] += one.segments
        fact["bytes"] += one.bytes
        fact["seconds"] += one.span / SECOND
    return list(facts.values())


def _show(keeping: Keeping, *, as_json: bool) -> None:
    from storage.rule_changes import in_order

    stored = keeping.stored()
    matches = keeping.matches(in_order(stored))
    kept = keeping.kept()
    forecast = keeping.forecast()
    doubt = keeping.clock_doubt()
    if as_json:
        print_json(
            {
                "rules": [
                    {
                        **_rule_json(one.rule),
                        "origin": one.origin,
                        "matches": matches[one.rule.name],
                    }
                    for one in stored
                ],
                "cameras": [
                    {
                        "camera": one.camera,
                        "rule": one.rule,
                        "promised": _seconds(one.promised),
                        "kept": _seconds(one.kept),
                        "bytes": one.bytes,
                        "rate": round(one.rate),
                        "fits": _seconds(one.fits),
                    }
                    for one in kept
                ],
                "forecast": {
                    "rate": round(forecast.rate),
                    "full_at": rfc3339(forecast.full_at, digits=0) if forecast.full_at else None,
                    "days_kept": _days(forecast.fits),
                },
                "clock": doubt,
            }
        )
        return
    rows = [
        (
            one.rule.name,
            one.origin,
            span_text(one.rule.keep) if one.rule.keep is not None else "–",
            _gigabytes(one.rule.quota),
            _gigabytes(one.rule.quota_all),
            span_text(one.rule.minimum) if one.rule.minimum else "–",
            ", ".join(one.rule.cameras),
            str(len(matches[one.rule.name])),
            one.rule.reason,
        )
        for one in stored
    ]
    columns = ("rule", "from", "keep", "quota", "all", "minimum", "cameras", "match", "reason")
    print_table(columns, rows, empty="No retention rules: footage goes only when a disk is full.")
    print()
    table = [
        (
            one.camera,
            one.rule or "–",
            _day_text(one.promised),
            _day_text(one.kept),
            f"{one.bytes / 1e9:,.1f} GB",
            f"{one.rate * 8 / 1e6:.2f}",
            _day_text(one.fits) + ("  too little" if one.short else ""),
        )
        for one in kept
    ]
    heads = ("camera", "rule", "promised", "kept", "size", "Mbit/s", "fits")
    print_table(heads, table, empty="No cameras.")
    if forecast.full_at is not None:
        print(f"\nThe disks will be full at {rfc3339(forecast.full_at, digits=0)}.")
    if doubt is not None:
        print(f"\nBy age nothing goes just now: {doubt}.\nIf it is right: vms retention --confirm")


def _rule_json(rule: Any) -> dict[str, Any]:
    return {
        "name": rule.name,
        "keep": _seconds(rule.keep),
        "quota": rule.quota,
        "quota_all": rule.quota_all,
        "minimum": _seconds(rule.minimum),
        "cameras": list(rule.cameras),
        "reason": rule.reason,
    }


def _segments(due: Sequence[Deletion]) -> int:
    return sum(one.segments for one in due)


def _seconds(span: int | None) -> float | None:
    return None if span is None else span / SECOND


def _days(span: int | None) -> float | None:
    return None if span is None else round(span / SECOND / 86_400, 1)


def _day_text(span: int | None) -> str:
    return "–" if span is None else f"{span / SECOND / 86_400:.1f} d"


def _gigabytes(size: int | None) -> str:
    return "–" if size is None else f"{size / 1e9:,.1f} GB"
