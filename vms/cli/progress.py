"""How far a long command has come, for a person at a terminal; silent everywhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress_bar(title: str, total: int, *, quiet: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on stderr; call what it gives with the bytes done since the last call.

    `quiet`: none, for whoever reads the answer as JSON.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    # What is printed meanwhile goes above the bar; where stdout is a file, into the file.
    above = sys.stdout.isatty()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, redirect_stdout=above) as bar:
        task = bar.add_task(title, total=total or None)
        yield lambda done: bar.advance(task, done)


@contextlib.contextmanager
def counter(
    waiting: str, done: str, *, quiet: bool = False
) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """A line on stderr: `waiting`, then `3 of 12 DONE`.

    The first of what it gives is told how many there will be, the second called at each one.
    `quiet`: none, for whoever reads the answer as JSON.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _: None, lambda: None
        return
    from rich.console import Console

    total = here = 0
    with Console(stderr=True).status(waiting) as status:

        def tell() -> None:
            status.update(f"{here} of {total} {done}")

        def expect(number: int) -> None:
            nonlocal total
            total = number
            tell()

        def count() -> None:
            nonlocal here
            here += 1
            tell()

        yield expect, count
