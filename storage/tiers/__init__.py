"""Older footage in object stores: moved there, found there, read from there."""
