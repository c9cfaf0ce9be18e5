"""gst-rtsp-server as a camera: run by the system's Python, which has `gi`.

`gst_server.py URL_PATH=PIPELINE … [--user NAME PASSWORD]` serves each pipeline (with pay0, pay1)
on a port of its own, prints the port on a line, and ends when its standard input closes.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main(arguments):
    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    if "--user" in arguments:
        at = arguments.index("--user")
        sign_in(server, arguments[at + 1], arguments[at + 2])
        arguments = arguments[:at]
    mounts = server.get_mount_points()
    for argument in arguments:
        path, _, pipeline = argument.partition("=")
        factory = GstRtspServer.RTSPMediaFactory.new()
        factory.set_launch(f"( {pipeline} )")
        if "--user" in sys.argv:
            roles = GstRtspServer.RTSPToken()
            del roles
            permissions = GstRtspServer.RTSPPermissions()
            permissions.add_permission_for_role("viewer", "media.factory.access", True)
            permissions.add_permission_for_role("viewer", "media.factory.construct", True)
            factory.set_permissions(permissions)
        mounts.add_factory(path, factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_HUP | GLib.IO_IN, lambda *_: loop.quit())
    loop.run()


def sign_in(server, user, password):
    auth = GstRtspServer.RTSPAuth.new()
    auth.set_supported_methods(GstRtspServer_digest())
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)


def GstRtspServer_digest():
    gi.require_version("GstRtsp", "1.0")
    from gi.repository import GstRtsp

    return GstRtsp.RTSPAuthMethod.DIGEST


if __name__ == "__main__":
    main(sys.argv[1:])
