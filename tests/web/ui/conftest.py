"""The console's tests: what their made-up servers leave to the collector is no test's fault.

A browser cuts connections where and when it likes; asyncio then now and then forgets a transport
that waits (seen with aiohttp under Python 3.11). The servers of these tests are not the system's.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_LEFT = ("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            for left in _LEFT:
                item.add_marker(pytest.mark.filterwarnings(left))


@pytest.fixture(scope="module", autouse=True)
def _nothing_left() -> Iterator[None]:
    """Nor does a later module find it."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
