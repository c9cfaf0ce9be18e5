"""What viewers get of one stream, over all its runs: formats, pictures, and why there are none.

A format begins an epoch, and epochs rise, also over restarts of the recorder. What is held for
newcomers begins with a keyframe and is of the present epoch alone; in privacy hours nothing is held
or shown. A stream of which all is kept holds nothing here: newcomers get what its session has not
handed to storage yet, behind what is read back from the open segment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recorder.intake import Intake
from recorder.keeper import Keeper
from recorder.session import Session
from recorder.source import Element
from vms.core.clock import Clock, Mono
from vms.core.live import FormatChanged, GopCache, LiveHub, LiveUnit, StreamDown
from vms.core.media import AccessUnit, StreamFormat, Track
from vms.core.model import Cause, StreamKey


class LiveOutput:
    """`began` is told of each epoch: from then on there are pictures to show."""

    def __init__(
        self,
        key: StreamKey,
        intake: Intake,
        hub: LiveHub,
        clock: Clock,
        began: Callable[[], None],
    ) -> None:
        self._key, self._intake, self._hub, self._clock = key, intake, hub, clock
        self._began = began
        self._cache = None if intake.keeps_all else GopCache()
        self._epoch = 0
        self._told_private = False

    def begin(self) -> None:
        """A run begins; if these are privacy hours, it is said anew."""
        self._told_private = False

    def end(self) -> None:
        """The run is over: nobody begins with its pictures."""
        if self._cache is not None:
            self._cache.clear()

    def down(self, cause: Cause, detail: str | None) -> None:
        """There are no pictures, for this cause."""
        self._hub.publish(self._key, StreamDown(cause, detail))

    def forget(self, cause: Cause) -> None:
        """The stream is gone for good."""
        self._hub.forget(self._key, StreamDown(cause, None))

    def show(
        self, units: Sequence[Element], session: Session, *, leapt: bool = False
    ) -> list[Element]:
        """Hand on what a sweep brought; gives back what in it is no picture.

        `leapt`: the camera's clock was put right in it, which ends the epoch.
        """
        hub, key, cache = self._hub, self._key, self._cache
        if cache is not None and self._intake.keeps_all:
            self._cache = cache = None  # since this sweep
        taken = hub.is_received(key)
        others: list[Element] = []
        if cache is None and not taken:
            for unit in units:
                if type(unit) is not AccessUnit:
                    others.append(unit)
                    self._announce_if_format(unit)
            return others
        if leapt and session.format is not None:
            self._announce(session.format)
        for unit in units:
            if type(unit) is not AccessUnit:
                others.append(unit)
                self._announce_if_format(unit)
                continue
            message = LiveUnit(unit, session.wall(unit))
            if cache is not None:
                cache.add(message)
            if taken:
                hub.publish(key, message)
        return others

    def choose(self, held: Sequence[LiveUnit], *, was_hidden: bool) -> None:
        """Another choice holds. `held`: what newcomers began with up to now; `was_hidden`: whether
        nothing might be shown."""
        if self._intake.keeps_all:
            self._cache = None
        elif self._cache is None:
            self._cache = GopCache()
            for unit in held:
                self._cache.add(unit)
        self.follow_privacy(was_hidden=was_hidden)

    def follow_privacy(self, *, was_hidden: bool) -> None:
        """Hide where privacy began; an epoch begins where it is over."""
        self.hide_if_private()
        session = self._intake.session
        if was_hidden and not self._intake.hidden and session is not None and session.format:
            self._announce(session.format)

    def hide_if_private(self) -> None:
        """When privacy begins, viewers are told, and nothing is left to show to new ones."""
        gate = self._intake.gate
        private = gate is not None and gate.private
        if private and not self._told_private:
            self.end()
            self.down(Cause.PRIVACY, None)
        self._told_private = private

    def backlog(self, last_picture: Mono | None) -> list[LiveUnit]:
        """The pictures since the last keyframe."""
        if self._cache is not None:
            return self._cache.units()
        session, keeper = self._intake.session, self._intake.keeper
        if session is None or keeper is None:
            return []
        units = session.pending()
        keys = [number for number, unit in enumerate(units) if unit.key]
        if keys:
            units = units[keys[-1] :]
        else:
            arrival = last_picture or self._clock.monotonic()
            units = _stored(session, keeper, arrival) + units
        if not units or not units[0].key:
            return []
        return [LiveUnit(unit, session.wall(unit), True) for unit in units]

    def _announce_if_format(self, element: Element) -> None:
        if isinstance(element, StreamFormat):
            self._announce(element)

    def _announce(self, stream: StreamFormat) -> None:
        self.end()
        # Milliseconds, so that epochs rise over restarts of the recorder as well.
        self._epoch = max(self._epoch + 1, self._clock.now() // 1_000_000)
        self._hub.publish(self._key, FormatChanged(self._key, stream, self._epoch))
        self._began()


def _stored(session: Session, keeper: Keeper, arrival: Mono) -> list[AccessUnit]:
    """The current group's pictures that storage has already."""
    times, samples = session.stored_times(), keeper.stored_gop()
    if len(times) != len(samples):  # the writer just failed, or the group is too long
        return []
    return [
        AccessUnit(Track.VIDEO, sample.data, pts, arrival, sample.key)
        for pts, sample in zip(times, samples, strict=True)
    ]
