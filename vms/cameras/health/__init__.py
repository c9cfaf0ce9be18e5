"""Whether a camera is well: what its pictures look like, and whether its stream comes as usual."""
