"""Who watches live, from when to when: from what the live process tells of its viewers."""

from __future__ import annotations

from pathlib import Path

import uvloop

from tests.web.api.test_audited import on_record
from tests.web.site import open_web_site
from vms.core.clock import SECOND, rfc3339
from vms.people.audit.entry import What
from web.bouncer import Bouncer
from web.live.rpc import RpcServer
