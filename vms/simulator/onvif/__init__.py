"""The simulated ONVIF device beside each simulated camera (docs/simulator.md).

It shares no parser with `vms.cameras.onvif`: a misreading must not cancel itself out.
"""
