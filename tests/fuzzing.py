"""Damaged inputs by the ten thousand, from a seed that is the day's and is printed:
`VMS_FUZZ_SEED=20260101` runs a failure again."""

from __future__ import annotations

import os
import random
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime

SECONDS = 12.0  # for each target in `make test`; five of them make the minute
NIGHTLY_SECONDS = 1_200.0
INPUT_SECONDS_MAX = 2.0  # of one input, on a machine that does other things too


def mutated(rng: random.Random, data: bytes) -> bytes:
    """`data` with one to eight changes: bits, bytes, cuts, doubles, numbers, long runs."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at:at] = rng.randbytes(rng.randint(1, 12))
        elif kind == 2:
            del out[at : at + rng.randint(1, 60)]
        elif kind == 3:
            out[at:at] = out[at : at + rng.randint(1, 400)]
        elif kind == 4:
            out[at:at] = rng.choice((b"-1", b"9" * 30, b"\r\n", b"\0", b'"', b"=", b";", b"$"))
        else:
            out[at:at] = rng.choice((b"A", b" ", b",", b"/")) * rng.randint(1, 5_000)
    return bytes(out)


def fuzz(
    target: Callable[[random.Random], None],
    seconds: float,
    harmless: tuple[type[Exception], ...],
    kept_max: int,
) -> str:
    """Run inputs until the time is up; the line to print. Raises what the target must not.

    `harmless`: what may come out; `kept_max`: bytes allocated at any moment.
    """
    seed = seed_of_today()
    count, ends, slowest = 0, time.monotonic() + seconds, 0.0
    tracemalloc.start(1)
    try:
        while time.monotonic() < ends:
            began = time.monotonic()
            try:
                target(random.Random(f"{seed}-{count}"))
            except harmless:
                pass
            except Exception as error:
                raise AssertionError(f"seed {seed}, input {count}: {error!r}") from error
            count += 1
            slowest = max(slowest, time.monotonic() - began)
            assert slowest < INPUT_SECONDS_MAX, f"seed {seed}, input {count - 1}: {slowest:.1f} s"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < kept_max, f"seed {seed}: {peak} bytes at once"
    return f"{count} inputs, seed {seed}, slowest {slowest * 1000:.0f} ms, peak {peak >> 10} KB"


def seed_of_today() -> int:
    return int(os.environ.get("VMS_FUZZ_SEED") or datetime.now(UTC).strftime("%Y%m%d"))
