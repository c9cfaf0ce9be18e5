"""The present, sent to viewers: WHEP (WebRTC) and fMP4 over WebSocket.

A process of its own (`web.live.process`), never the one that answers the API. Pictures come from
the recorder through `vms.core.live`, are packetised once per stream, and leave as they are.
"""
