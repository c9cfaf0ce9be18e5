"""ONVIF: finding cameras and asking them what they are (docs/discovery.md).

`port` is what the rest of the house knows; `client` is the one that speaks the protocol. Nothing
here signs in to RTSP or writes to the database.
"""
