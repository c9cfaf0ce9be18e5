"""Gözcü: a video management system for city cameras."""

__version__ = "0.1.0"
