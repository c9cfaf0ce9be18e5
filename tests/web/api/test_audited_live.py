"""Who watches live, from when to when: from what the live process tells of its viewers."""

from __future__ import annotations
