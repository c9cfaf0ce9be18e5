"""Property tests here do real work now and then; a slow machine must not fail them."""

from hypothesis import settings

settings.register_profile("evidence", deadline=None)
settings.load_profile("evidence")
