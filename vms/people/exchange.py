"""Questions to an OpenID provider, each one bounded HTTP exchange with JSON. They block."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vms.core.dialling import Forbidden
from vms.core.exchange import exchange
from vms.core.networks import Networks
from vms.people.externals import ProviderDown, Turns

WITHIN_S = 10  # one exchange, from the first packet to the last byte
ANSWER_MAX = 1 << 20


class Exchange:
    """`reach`: which numbers may be dialled; `ca`: PEM of who signs certificates, else the
    machine's."""

    def __init__(self, reach: Networks, ca: Path | None = None) -> None:
        self._reach, self._ca = reach, ca
        self._turns = Turns()

    def ask(
        self, url: str, form: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of an answer. Raises ProviderDown."""
        host = urlsplit(url).hostname or ""
        with self._turns.one(host):
            try:
                status, body = self._exchange(url, form, dict(headers or {}))
            except (OSError, Forbidden, http.client.HTTPException, ValueError) as error:
                why = error or type(error).__name__
                raise ProviderDown(f"{host} can't be asked: {why}") from None
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            raise ProviderDown(f"{host} answers {status} with something that is no JSON") from None
        if not isinstance(found, dict):
            raise ProviderDown(f"{host} answers {status} with JSON that is no object")
        return status, found

    def _exchange(self, url: str, form: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
        answer = exchange(
            *(url, self._reach),
            within_s=WITHIN_S,
            most=ANSWER_MAX + 1,
            body=form,
            headers=headers,
            ca=self._ca,
        )
        if len(answer.body) > ANSWER_MAX:
            raise ValueError(f"it answers with more than {ANSWER_MAX} bytes")
        if 300 <= answer.status < 400:
            raise ValueError(f"it answers {answer.status} and redirects, which is not followed")
        return answer.status, answer.body
