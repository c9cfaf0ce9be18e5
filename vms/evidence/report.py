"""The page for people that lies in a package: one sheet of A4, in Turkish or English.

It repeats what manifest.json says, in words; where the two differ, the manifest is the signed one.
The fonts are ours (fonts/LICENSE.txt) and embedded: a page must look the same everywhere.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vms.core.clock import MILLISECOND, SECOND
from vms.evidence.fonts import BOLD, REGULAR
from vms.evidence.local import both
from vms.evidence.manifest import CameraEntry, Manifest
from vms.evidence.words import Language, cause_in, words_in

if TYPE_CHECKING:
    from fpdf import FPDF

_ROWS = 8  # of each table; what is left out stands in manifest.json
_HASHES = 4  # of clips; the others stand in SHA256SUMS
_NAME = 48  # letters of a name in a table
_MARGIN = 16  # mm
_GREY, _BLACK, _LINE = 110, 20, 205


def blank() -> FPDF:
    """An empty document that knows our fonts; loading them takes as long as drawing the page."""
    from fpdf import FPDF

    pdf = FPDF(format="A4")
    for style, file in (("", REGULAR), ("B", BOLD)):
        pdf.add_font("DejaVu", style, file)
    return pdf


def report(manifest: Manifest, language: Language, pdf: FPDF | None = None) -> bytes:
    """The page as PDF, drawn into a `blank` one. `manifest.files`: those of the clips, whose sizes
    are shown."""
    return _Page(manifest, language, pdf or blank()).drawn()


class _Page:
    def __init__(self, manifest: Manifest, language: Language, pdf: FPDF) -> None:
        self._manifest, self._language = manifest, language
        self._words = words_in(language)
        self._pdf = pdf
        self._pdf.set_margin(_MARGIN)
        self._pdf.set_auto_page_break(auto=False)
        made = dt.datetime.fromtimestamp(manifest.made // SECOND, dt.UTC)
        self._pdf.set_creation_date(made)
        self._pdf.set_title(f"{self._words['title']} {manifest.order.id}")
        self._pdf.set_author(manifest.system)
        self._pdf.set_creator(manifest.software)
        self._pdf.set_lang(language)
        self._pdf.add_page()

    def drawn(self) -> bytes:
        manifest, words, local = self._manifest, self._words, self._manifest.local
        order = manifest.order
        self._text(manifest.system, size=9, grey=True)
        self._text(words["title"], size=17, bold=True)
        self._pdf.ln(2)
        self._facts(
            (
                (words["id"], order.id),
                (words["made"], local.plain(manifest.made)),
                (words["made_by"], order.by),
                (words["reason"], _short(order.reason, 240) or "–"),
                (words["requested"], both(local, order.start, order.end)),
                (words["cameras"], _short(", ".join(_named(c) for c in manifest.cameras), 240)),
            )
        )
        self._clips()
        self._gaps()
        self._clocks()
        self._proof()
        self._foot()
        return bytes(self._pdf.output())

    # -- sections ---------------------------------------------------------------------------

    def _clips(self) -> None:
        words, local = self._words, self._manifest.local
        sizes = {file.name: file.size for file in self._manifest.files}
        self._heading(words["clips"])
        rows = [
            (clip.file.rpartition("/")[2], both(local, clip.start, clip.end),
             _size(sizes.get(clip.file, 0)), words["sound" if clip.sound else "no_sound"])
            for camera in self._manifest.cameras
            for clip in camera.clips
        ]  # fmt: skip
        rows += [
            (_named(camera), words["nothing"], "", "")
            for camera in self._manifest.cameras
            if not camera.clips
        ]
        self._table((words["file"], words["shows"], words["size"], ""), (66, 80, 18, 14), rows)
        hashes = {file.name: file.sha256 for file in self._manifest.files}
        clips = [clip.file for camera in self._manifest.cameras for clip in camera.clips]
        for name in clips[:_HASHES]:
            self._text(f"SHA-256 {name.rpartition('/')[2]}: {hashes.get(name, '')}", size=6.2)
        self._text(words["cut"], size=7, grey=True)

    def _gaps(self) -> None:
        words, local = self._words, self._manifest.local
        self._heading(words["gaps"])
        rows = []
        for camera in self._manifest.cameras:
            for gap in camera.gaps:
                end = gap.end if gap.end is not None else self._manifest.order.end
                length = _length(end - gap.start)
                cause = cause_in(self._language, gap.cause)
                name = _short(camera.stream.camera, 22)
                rows.append((name, both(local, gap.start, end), length, cause))
        if not rows:
            self._text(words["no_gaps"], size=8)
            return
        columns = ("", words["gap"], words["length"], words["cause"])
        self._table(columns, (36, 80, 20, 42), rows)

    def _clocks(self) -> None:
        self._heading(self._words["clock"])
        for camera in self._manifest.cameras[:4]:
            self._text(self._clock(camera), size=8)
        self._text(self._own_clock(), size=8)

    def _clock(self, camera: CameraEntry) -> str:
        facts = [
            (entry.clock.offset_ns, entry.clock.error_ns)
            for clip in camera.clips
            for entry in clip.segments
            if entry.clock is not None
        ]
        known = [(offset, error) for offset, error in facts if offset is not None]
        name = _named(camera)
        if not known:
            return self._words["clock_unknown"].format(camera=name)
        low, high = min(offset for offset, _ in known), max(offset for offset, _ in known)
        error = max((error for _, error in known if error is not None), default=0)
        return self._words["clock_known"].format(
            camera=name, low=_ms(low, sign=True), high=_ms(high, sign=True), error=_ms(error)
        )

    def _own_clock(self) -> str:
        errors = [
            None if entry.clock is None else entry.clock.ntp_error_ns
            for entry in self._manifest.segments
        ]
        known = [error for error in errors if error is not None]
        if len(known) < len(errors) or not known:
            return self._words["clock_own_unknown"]
        return self._words["clock_own"].format(error=_ms(max(known)))

    def _proof(self) -> None:
        manifest, words = self._manifest, self._words
        segments = manifest.segments
        proven = sum(entry.shell is not None for entry in segments)
        _, size, root, *_ = manifest.checkpoint.split("\n")  # C2SP tlog-checkpoint
        self._heading(words["proof"])
        self._text(words["proof_text"].format(proven=proven, count=len(segments)), size=8)
        self._text(manifest.key, size=8, bold=True)
        head = words["checkpoint"].format(size=size)
        self._text(f"{head} {base64.b64decode(root).hex()}.", size=8)
        self._text(words["unstamped" if manifest.stamp is None else "stamped_too"], size=8)
        self._heading(words["check"])
        self._text(words["check_text"], size=8)

    def _foot(self) -> None:
        self._pdf.set_y(-_MARGIN)
        zone = self._words["zone"].format(zone=self._manifest.local.zone)
        self._text(f"{zone}  {self._manifest.software}", size=7, grey=True)

    # -- pieces -----------------------------------------------------------------------------

    def _heading(self, text: str) -> None:
        self._pdf.ln(3)
        self._text(text, size=10, bold=True)

    def _text(self, text: str, *, size: float, bold: bool = False, grey: bool = False) -> None:
        self._pdf.set_font("DejaVu", "B" if bold else "", size)
        self._pdf.set_text_color(_GREY if grey else _BLACK)
        self._pdf.multi_cell(0, size * 0.46, text, align="L", new_x="LMARGIN", new_y="NEXT")

    def _facts(self, facts: Iterable[tuple[str, str]]) -> None:
        for name, value in facts:
            top = self._pdf.get_y()
            self._pdf.set_font("DejaVu", "", 8.5)
            self._pdf.set_text_color(_GREY)
            self._pdf.cell(34, 4.6, name)
            self._pdf.set_text_color(_BLACK)
            self._pdf.set_xy(_MARGIN + 34, top)
            self._pdf.multi_cell(0, 4.6, value, align="L", new_x="LMARGIN", new_y="NEXT")

    def _table(
        self, columns: Sequence[str], widths: Sequence[float], rows: Sequence[Sequence[str]]
    ) -> None:
        pdf = self._pdf
        pdf.set_draw_color(_LINE)
        pdf.set_font("DejaVu", "", 7)
        pdf.set_text_color(_GREY)
        for column, width in zip(columns, widths, strict=True):
            pdf.cell(width, 4.4, column, border="B")
        pdf.ln()
        pdf.set_text_color(_BLACK)
        for row in rows[:_ROWS]:
            for value, width in zip(row, widths, strict=True):
                pdf.cell(width, 4.2, self._fitted(value, width))
            pdf.ln()
        if len(rows) > _ROWS:
            more = self._words["more"].format(count=len(rows) - _ROWS)
            self._text(more, size=7, grey=True)

    def _fitted(self, text: str, width: float) -> str:
        """The text, cut where it would run into the next column."""
        if self._pdf.get_string_width(text) <= width - 2:
            return text
        while text and self._pdf.get_string_width(f"{text}…") > width - 2:
            text = text[:-1]
        return f"{text}…"


def _named(camera: CameraEntry) -> str:
    stream = camera.stream
    name = camera.name if camera.name != stream.camera else ""
    return _short(f"{name} ({stream.camera})" if name else stream.camera, _NAME)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _size(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _length(span: int) -> str:
    seconds = span / SECOND
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}"


def _ms(span: int, *, sign: bool = False) -> str:
    value = span / MILLISECOND
    return f"{value:+.1f} ms" if sign else f"{value:.1f} ms"
