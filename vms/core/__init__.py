"""The floor every room stands on: words, time, media, errors, settings, the live fan-out.

Nothing here imports another room, and nothing here knows a database or a web server.
"""
