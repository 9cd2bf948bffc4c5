"""Property tests are about what is computed, not how fast: a busy machine must not fail them."""

from hypothesis import settings

from tests import examples

settings.register_profile("no-deadline", deadline=None, max_examples=examples.of(100))
settings.load_profile("no-deadline")
