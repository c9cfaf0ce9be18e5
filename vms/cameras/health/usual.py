"""What a camera's pictures usually look like: learnt while it is well, day and night. Pure.

Looks in colour and looks by infrared light are two kinds: at dusk the lamps go on from one minute
to the next, and nobody turned the camera.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, replace

import numpy as np

from vms.cameras.health.looks import LIKE, Fault, Look, Measure, likeness, measure
from vms.core.clock import Instant

LOOKS_MAX = 6
"""Views kept of one camera for each kind of light: day, dusk, rain, a parked lorry, its presets."""

_AGREE = 3  # looks in a row that must be alike before a view is believed
_KNOWN = 0.85  # so like a usual look that there is nothing to learn

_FORMAT = 2
_NEVER = Instant(0)
_NO_PIXELS = np.zeros((0, 0), np.uint8)


@dataclass(frozen=True, slots=True)
class Usual:
    """`looks`: what is known; `trial`: looks that may become known when they go on alike.

    `since`: when learning began; what a person says later makes it begin anew.
    """

    looks: tuple[Look, ...] = ()
    trial: tuple[Look, ...] = ()
    since: Instant = _NEVER

    def judged(
        self, look: Look, before: Look | None, *, steered: bool = False
    ) -> dict[Fault, Measure]:
        """What can be told of a look, as far as is known.

        `steered`: a person moved this camera, so another view is no fault.
        """
        told = measure(look, self.looks, before)
        if steered and told.get(Fault.TURNED, Measure(False, 0, 0)).bad:
            del told[Fault.TURNED]
        return told

    def taught(self, look: Look, found: set[Fault]) -> Usual:
        """What is known after a look with these faults; a faulty look teaches nothing."""
        if found:
            return self
        known = self._alike(look)
        best = max((likeness(look, one) for one in known or self.looks), default=0.0)
        if best < LIKE:
            return self._tried(look)
        if known and best >= _KNOWN:
            return replace(self, trial=())
        return self._with(look)

    def _alike(self, look: Look) -> tuple[Look, ...]:
        """The known looks by the same kind of light."""
        return tuple(one for one in self.looks if one.coloured == look.coloured)

    def _tried(self, look: Look) -> Usual:
        """A view of which nothing is known: at the beginning, by another light, of a new preset."""
        last = self.trial[-1:]
        alike = all(one.coloured == look.coloured and likeness(look, one) >= LIKE for one in last)
        trial = (*self.trial, _kept(look)) if alike else (_kept(look),)
        return self._with(look) if len(trial) >= _AGREE else replace(self, trial=trial)

    def _with(self, look: Look) -> Usual:
        """The first of its light is what a person has seen; of the others the oldest goes."""
        alike = self._alike(look)
        if len(alike) >= LOOKS_MAX:
            alike = (alike[0], *alike[2:])
        others = tuple(one for one in self.looks if one.coloured != look.coloured)
        return replace(self, looks=(*others, *alike, _kept(look)), trial=())

    def to_bytes(self) -> bytes:
        """For a file; `trial` is not kept."""
        out = io.BytesIO()
        np.savez_compressed(
            out,
            form=np.array(_FORMAT),
            since=np.array(self.since, np.int64),
            texture=np.stack([one.texture for one in self.looks]),
            edges=np.stack([one.edges for one in self.looks]).astype(np.float16),
            fineness=np.array([one.fineness for one in self.looks]),
            coloured=np.array([one.coloured for one in self.looks]),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Usual:
        """Raises ValueError for what `to_bytes` did not write."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                if int(file["form"]) != _FORMAT:
                    raise KeyError("of another release")
                columns = (file[name] for name in ("texture", "edges", "fineness", "coloured"))
                rows = list(zip(*columns, strict=True))
                since = Instant(int(file["since"]))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"no usual looks: {error}") from error
        return cls(
            tuple(
                Look(
                    0.0,
                    0.0,
                    t.astype(np.float32),
                    e.astype(np.float32),
                    float(f),
                    _NO_PIXELS,
                    bool(c),
                )
                for t, e, f, c in rows
            ),
            since=since,
        )


def _kept(look: Look) -> Look:
    """Without its pixels, which only the next look is held against."""
    return replace(look, pixels=_NO_PIXELS)
