"""What must change so that the site's schedules are what is wanted of them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from vms.cameras.provisioning import Origin
from vms.core.config_camera import CameraSettings, ScheduleSettings
from vms.core.errors import BadFields, Refused
from vms.core.findings import Finding, findings_of

Kind = Literal["added", "changed", "removed", "taken over", "left to the console"]

_TOLD = 20  # cameras named in one sentence
_BRIEF = 220  # characters of one side: before and after fit into an entry of the audit
_SIGNS: dict[Kind, str] = {"added": "+", "removed": "-"}


@dataclass(frozen=True, slots=True)
class RegisteredSchedule:
    """A schedule of this site and where it was declared."""

    settings: ScheduleSettings
    origin: Origin

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def spans(self) -> tuple[str, ...]:
        return self.settings.spans


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """One schedule that changes; `before` and `after` its spans as a text, empty without any.

    `taken over`: the file declares what the console had. `left to the console`: the file declares
    it no more, and cameras of the console go by it.
    """

    kind: Kind
    schedule: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        lines = [f"{_SIGNS.get(self.kind, '~')} schedule {self.schedule}: {self.kind}"]
        if self.changes_hours:
            lines.append(f"    spans: {self.before} → {self.after}")
        return "\n".join(lines)

    @property
    def changes_hours(self) -> bool:
        """Whether what goes by it goes by other hours than before."""
        return bool(self.before and self.after) and self.before != self.after

    def detail(self) -> str:
        """In one line, for the audit: `mon-fri 08:00-18:00 → mon-fri 09:00-18:00`."""
        sides = [_brief(one) for one in dict.fromkeys((self.before, self.after)) if one]
        return f"{self.kind}: {' → '.join(sides)}"


@dataclass(frozen=True, slots=True)
class Use:
    """The ids of the cameras that are recorded in a schedule's hours, and hidden in them."""

    recorded: tuple[str, ...]
    hidden: tuple[str, ...]

    @property
    def cameras(self) -> tuple[str, ...]:
        """Both, each once."""
        return tuple(dict.fromkeys((*self.recorded, *self.hidden)))


def use_of(name: str, cameras: Iterable[CameraSettings]) -> Use:
    """Which cameras go by a schedule."""
    found = [one for one in cameras if name in one.schedules]
    return Use(
        tuple(one.id for one in found if one.schedule == name),
        tuple(one.id for one in found if one.privacy == name),
    )


def named_by(cameras: Iterable[CameraSettings]) -> frozenset[str]:
    """The names of the schedules by which some of the cameras go."""
    return frozenset(name for one in cameras for name in one.schedules)


def schedule_difference(
    stored: Sequence[RegisteredSchedule],
    declared: Sequence[ScheduleSettings],
    used: Collection[str],
) -> tuple[ScheduleChange, ...]:
    """What brings `stored` to what the file declares; the console's stay, as its cameras do,
    unless the file now declares the same name.

    `used`: those that cameras of the console name. One that the file drops is theirs from then on:
    without it nobody could say when they are to be recorded.
    """
    before = {one.name: one for one in stored}
    wanted = {one.name: one for one in declared}
    changes: list[ScheduleChange] = []
    for name, new in wanted.items():
        old = before.get(name)
        if old is None:
            changes.append(ScheduleChange("added", name, after=_text(new)))
        elif old.origin == "database":
            changes.append(_change("taken over", old.settings, new))
        elif old.settings != new:
            changes.append(_change("changed", old.settings, new))
    for name, old in before.items():
        if old.origin == "file" and name not in wanted:
            kind: Kind = "left to the console" if name in used else "removed"
            after = _text(old.settings) if name in used else ""
            changes.append(ScheduleChange(kind, name, _text(old.settings), after))
    return tuple(changes)


def addition(new: ScheduleSettings) -> ScheduleChange:
    """What adds a schedule."""
    return ScheduleChange("added", new.name, after=_text(new))


def changed(old: RegisteredSchedule, new: ScheduleSettings) -> ScheduleChange | None:
    """What gives a schedule of the console other spans; None: it has them. Raises Refused for one
    of the file."""
    refuse_declared(old)
    return _change("changed", old.settings, new) if old.settings != new else None


def removal(old: RegisteredSchedule, use: Use) -> ScheduleChange:
    """What removes a schedule of the console. Raises Refused for one of the file, and while a
    camera goes by it."""
    refuse_declared(old)
    if use.cameras:
        said = [f"{_listed(ids)} {what}" for ids, what in _uses(use) if ids]
        raise Refused(
            f"{old.name} can't be removed while cameras go by it: {'; '.join(said)}; choose other "
            "hours for them first"
        )
    return ScheduleChange("removed", old.name, before=_text(old.settings))


def refuse_declared(schedule: RegisteredSchedule) -> None:
    """Raise Refused for a schedule of the file: it is changed there."""
    if schedule.origin == "file":
        raise Refused(
            f"the schedule {schedule.name} is declared in cameras.toml, under [[schedules]], and "
            "read-only here; change it there"
        )


def entered_schedule(values: Mapping[str, Any]) -> ScheduleSettings:
    """The schedule of `values`, in the keys of `[[schedules]]`. Raises BadFields."""
    try:
        return ScheduleSettings.model_validate(dict(values))
    except ValidationError as error:
        raise BadFields(_in_words_of_an_entry(error)) from None


def _in_words_of_an_entry(error: ValidationError) -> Iterable[Finding]:
    for finding in findings_of(error, ScheduleSettings):
        if finding.message == "is missing":
            yield Finding(finding.path, finding.message, f"give {finding.path[-1]}")
        else:
            yield finding


def _change(kind: Kind, old: ScheduleSettings, new: ScheduleSettings) -> ScheduleChange:
    return ScheduleChange(kind, new.name, _text(old), _text(new))


def _text(schedule: ScheduleSettings) -> str:
    return ", ".join(schedule.spans)


def _brief(text: str) -> str:
    return text if len(text) <= _BRIEF else f"{text[: _BRIEF - 2]} …"


def _uses(use: Use) -> tuple[tuple[tuple[str, ...], str], ...]:
    return (use.recorded, "recorded in its hours"), (use.hidden, "hidden in them")


def _listed(ids: Sequence[str]) -> str:
    more = f" … ({len(ids)} in all)" if len(ids) > _TOLD else ""
    return f"{', '.join(ids[:_TOLD])}{more}"
