"""A bucket in memory: what it has taken stays, whatever happens to the machine that wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from storage.tiers.bucket import BucketError, Listed
from vms.core.model import Cause


@dataclass
class MemoryBucket:
    """A `storage.tiers.bucket.Bucket`. Proved beside the real one in test_bucket.py."""

    url: str = "s3://memory"
    objects: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, pieces: Iterator[bytes]) -> None:
        """All of the pieces or none."""
        self.objects[key] = b"".join(pieces)

    def read(self, key: str, offset: int, length: int) -> bytes:
        if key not in self.objects:
            raise BucketError(Cause.NOT_FOUND, f"{self.url}: no such object as {key}")
        return self.objects[key][offset : offset + length]

    def size(self, key: str) -> int | None:
        data = self.objects.get(key)
        return None if data is None else len(data)

    def listed(self, folder: str = "") -> Iterator[Listed]:
        for key, data in sorted(self.objects.items()):
            if key.startswith(f"{folder}/" if folder else ""):
                yield Listed(key, len(data))

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
