"""The site's own time, as packages show it: never computed with, always beside UTC. Pure."""

from __future__ import annotations

import datetime as dt
import zoneinfo

from vms.core.clock import SECOND, Instant


class SiteTime:
    """Instants in the words of the site's time zone."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._zone = zoneinfo.ZoneInfo(zone)

    def rfc3339(self, instant: int) -> str:
        """`2026-11-22T14:32:07.123+03:00`, cut to the millisecond."""
        moment = self._moment(instant)
        offset = moment.strftime("%z")
        millis = instant % SECOND // 1_000_000
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{millis:03d}{offset[:3]}:{offset[3:5]}"

    def plain(self, instant: int) -> str:
        """`22.11.2026 14:32:07 +03:00`, cut to the second."""
        moment = self._moment(instant)
        offset = moment.strftime("%z")
        return f"{moment:%d.%m.%Y %H:%M:%S} {offset[:3]}:{offset[3:5]}"

    def name(self, instant: int) -> str:
        """`2026-11-22_14-32-07`: for file names."""
        return f"{self._moment(instant):%Y-%m-%d_%H-%M-%S}"

    def parts(self, instant: int) -> tuple[int, int, int, int, int, int]:
        """Year, month, day, hour, minute, second."""
        return self._moment(instant).timetuple()[:6]

    def _moment(self, instant: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(instant // SECOND, self._zone)


def both(local: SiteTime, start: Instant, end: Instant) -> str:
    """A span for people: `22.11.2026 14:32:07 +03:00 – 22.11.2026 14:33:00 +03:00`."""
    return f"{local.plain(start)} – {local.plain(end)}"
