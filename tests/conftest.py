"""For all tests: how long an example of Hypothesis takes decides nothing."""

from hypothesis import settings

settings.register_profile("stratoscope", deadline=None)
settings.load_profile("stratoscope")
