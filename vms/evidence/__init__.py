"""Footage handed out: clips, what proves them, and how a stranger checks it."""
