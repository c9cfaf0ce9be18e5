"""Footage that must not go: held, kept in several places, lifted."""
