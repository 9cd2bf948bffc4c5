"""Property tests are about what is computed, not how fast: a busy machine must not fail them.

Each run tries 50 other examples; for many at once: CONVOCA_TEST_EXAMPLES=2000.
"""

import os

from hypothesis import settings

examples = int(os.environ.get("CONVOCA_TEST_EXAMPLES", "50"))
settings.register_profile("no-deadline", deadline=None, max_examples=examples)
settings.load_profile("no-deadline")
