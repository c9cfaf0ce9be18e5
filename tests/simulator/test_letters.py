"""Letters come out whole, whoever else draws at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vms.simulator.letters import text_mask


def test_threads_do_not_draw_into_each_others_letters() -> None:
    sizes = [12, 20, 34, 56] * 30
    alone = {size: text_mask("2026 Şöğüİı", size) for size in set(sizes)}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda size: text_mask("2026 Şöğüİı", size), sizes))
    for size, mask in zip(sizes, together, strict=True):
        assert np.array_equal(mask, alone[size])
