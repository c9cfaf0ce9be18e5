"""An object store for tests: moto's S3 server on the loopback, which can be gone and come back."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moto.server import ThreadedMotoServer

from storage.tiers.s3 import S3Bucket
from vms.core.config_storage import TierSettings

NAME = "kayitlar"
ACCESS, SECRET = "testing", "a-secret-nobody-may-see"


@dataclass
class BucketServer:
    """A running server. What is stored outlives `stop`, as it does behind a broken network."""

    server: ThreadedMotoServer
    port: int
    running: bool = True

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, prefix: str = "", **more: object) -> TierSettings:
        values: dict[str, object] = {
            "name": "archive",
            "url": f"s3://{NAME}{prefix}",
            "endpoint": self.endpoint,
            "access_key": ACCESS,
            "secret_key": SECRET,
            "after": "1 min",
        }
        return TierSettings.model_validate(values | more)

    def bucket(self, prefix: str = "") -> S3Bucket:
        return S3Bucket(self.settings(prefix))

    def stop(self) -> None:
        if self.running:
            self.server.stop()
            self.running = False

    def start(self) -> None:
        if not self.running:
            self.server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
            self.server.start()
            self.running = True

    def call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """A request without a signature."""
        head = {"Content-Type": "text/plain"}
        request = urllib.request.Request(self.endpoint + path, body, head, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()


@contextmanager
def bucket_server() -> Iterator[BucketServer]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    running = BucketServer(server, server.get_host_and_port()[1])
    running.call("POST", "/moto-api/reset")
    running.call("PUT", f"/{NAME}")
    try:
        yield running
    finally:
        running.start()
        running.call("POST", "/moto-api/reset")
        running.stop()
