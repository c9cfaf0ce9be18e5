"""Steering by people (docs/ptz.md): who steers a camera, what they did, and patrols while nobody
does. How a camera is told to move is `vms.cameras.onvif.ptz`."""
