"""Why a viewer gets no picture, as the API and the player are told."""

from __future__ import annotations

from typing import Literal

from vms.core.errors import VmsError

RefusalCode = Literal["bad_offer", "codec", "b_frames", "down", "busy", "not_found", "bad_request"]


class LiveRefused(VmsError):
    """No live picture on this path. `code` is for the player, `detail` for people.

    `codec`, `b_frames`: WebRTC can't show this stream, MSE may. `down`: the camera does not
    deliver, the detail says why. `busy`: the process has as many viewers as it takes.
    """

    def __init__(self, code: RefusalCode, detail: str) -> None:
        self.code, self.detail = code, detail
        super().__init__(detail)
