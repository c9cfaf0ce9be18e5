"""gst-rtsp-server as a camera: run by the system's Python, which has `gi`.

`gst_server.py [--user NAME PASSWORD] PATH=PIPELINE …` serves each pipeline (with pay0, pay1) on a
free port, prints the port on a line, and ends when its standard input closes.
"""

from __future__ import annotations

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def main(arguments: list[str]) -> None:
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    signed = arguments[:1] == ["--user"]
    if signed:
        demand_digest(server, *arguments[1:3])
        arguments = arguments[3:]
    for argument in arguments:
        path, _, pipeline = argument.partition("=")
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(f"( {pipeline} )")
        if signed:
            allowed = GstRtspServer.RTSPPermissions()
            allowed.add_permission_for_role("viewer", "media.factory.access", True)
            allowed.add_permission_for_role("viewer", "media.factory.construct", True)
            factory.set_permissions(allowed)
        server.get_mount_points().add_factory(path, factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP | GLib.IO_IN, lambda *_: loop.quit())
    loop.run()


def demand_digest(server: GstRtspServer.RTSPServer, user: str, password: str) -> None:
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)


if __name__ == "__main__":
    main(sys.argv[1:])
