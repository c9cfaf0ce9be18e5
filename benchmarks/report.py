"""What a benchmark found: figures beside promises, as a table, a JSON line and a page of docs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `bound`: what was promised, None for context; `sense`: which side is good."""

    name: str
    value: float
    unit: str = ""
    bound: float | None = None
    sense: Literal["at most", "at least"] = "at most"
    digits: int = 2

    @property
    def met(self) -> bool | None:
        """Whether the promise holds; None without one."""
        if self.bound is None:
            return None
        return self.value <= self.bound if self.sense == "at most" else self.value >= self.bound

    def row(self) -> tuple[str, str, str, str]:
        """Name, value, promise and verdict as text."""
        promise = (
            ""
            if self.bound is None
            else f"{'≤' if self.sense == 'at most' else '≥'} {self.bound:g}"
        )
        verdict = {None: "", True: "met", False: "**missed**"}[self.met]
        return (self.name, f"{self.value:.{self.digits}f} {self.unit}".strip(), promise, verdict)


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark's outcome. `how`: one or two sentences on what was run and beside what."""

    name: str
    title: str
    how: str
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = field(default=())

    def markdown(self) -> str:
        """A section of docs/performance.md."""
        lines = [
            f"## {self.title}",
            "",
            self.how,
            "",
            "| | measured | promise | |",
            "| --- | ---: | ---: | --- |",
        ]
        lines += ["| " + " | ".join(figure.row()) + " |" for figure in self.figures]
        lines += ["", *(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n".join(lines) + "\n"

    def append(self) -> None:
        """Add this outcome to results/results.jsonl, with machine and commit."""
        RESULTS.mkdir(exist_ok=True)
        line = {**asdict(self), "at": datetime.now(UTC).isoformat(timespec="seconds"), **machine()}
        with (RESULTS / "results.jsonl").open("a") as out:
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


def latest(names: Sequence[str]) -> list[Report]:
    """The last outcome kept of each benchmark, in the order of `names`."""
    kept: dict[str, Report] = {}
    file = RESULTS / "results.jsonl"
    for line in file.read_text().splitlines() if file.exists() else ():
        facts = json.loads(line)
        figures = tuple(Figure(**figure) for figure in facts["figures"])
        texts = (facts["name"], facts["title"], facts["how"])
        kept[facts["name"]] = Report(*texts, figures, tuple(facts["notes"]))
    return [kept[name] for name in names if name in kept]


def machine() -> dict[str, str | int]:
    """What ran it: processor, cores, memory, kernel, Python, commit."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "cpu": cpu,
        "cores": os.cpu_count() or 1,
        "memory_gib": memory,
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
        "commit": commit or "unknown",
    }


def headline(readme: str, reports: Sequence[Report]) -> str:
    """The README with the promised figures of this run between its two marks."""
    begin, end = readme.index("<!-- figures: begin"), readme.index("<!-- figures: end -->")
    begin = readme.index("\n", begin) + 1
    rows = [
        f"| {report.title}: {' | '.join(figure.row())} |"
        for report in reports
        for number, figure in enumerate(report.figures)
        if figure.bound is not None and (number == 0 or _tells(figure))
    ]
    table = "\n".join(["| | measured | promise | |", "| --- | ---: | ---: | --- |", *rows])
    return f"{readme[:begin]}\n{table}\n\n{readme[end:]}"


def _tells(figure: Figure) -> bool:
    """What is missed is always told; of what is met, not each count of faults that is 0."""
    return figure.met is False or (figure.sense == "at most" and figure.bound != 0)


def page(reports: Sequence[Report]) -> str:
    """docs/performance.md from the outcomes of one run."""
    facts = machine()
    head = f"""# Performance

Printed by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {facts["cores"]} cores of {facts["cpu"]}, \
{facts["memory_gib"]} GiB, Linux {facts["kernel"]}, Python {facts["python"]}, commit \
{facts["commit"]}. The machine is shared and noisy, and cameras, recorder, viewers and peers all \
ran on it: trust the ratios more than single figures. A promise that was missed in this run says so.
"""
    return "\n".join([head, *(report.markdown() for report in reports)])
