"""A generator that works in a thread of its own, a few pieces ahead of who takes them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

_Piece = TypeVar("_Piece")
DEPTH = 4
"""Pieces; when so many wait, the thread waits too, with one more made. So while a piece is
looked at, at most DEPTH + 1 younger ones exist."""


@contextlib.contextmanager
def ahead(pieces: Iterator[_Piece], name: str) -> Iterator[Iterator[_Piece]]:
    """The same pieces in the same order; an error comes where it would have. The thread ends,
    and the generator with it, when the block is left."""
    filled: queue.Queue[tuple[_Piece | None, BaseException | None]] = queue.Queue(DEPTH)
    leaving = threading.Event()

    def work() -> None:
        last: BaseException | None = StopIteration()
        try:
            for piece in pieces:
                if not _put(filled, (piece, None), leaving):
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the pieces are taken
            last = error
        _put(filled, (None, last), leaving)

    def taken() -> Iterator[_Piece]:
        while True:
            piece, error = filled.get()
            if error is not None:
                if isinstance(error, StopIteration):
                    return
                raise error
            yield piece  # type: ignore[misc]

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        leaving.set()
        thread.join()
        closing = getattr(pieces, "close", None)
        if closing is not None:
            closing()


def _put(
    filled: queue.Queue[tuple[_Piece | None, BaseException | None]],
    item: tuple[_Piece | None, BaseException | None],
    leaving: threading.Event,
) -> bool:
    while not leaving.is_set():
        with contextlib.suppress(queue.Full):
            filled.put(item, timeout=0.1)
            return True
    return False
