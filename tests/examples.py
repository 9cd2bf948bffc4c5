"""How many examples a property is tried with.

A test names what it deserves; a run at one's desk tries a quarter, other ones each time, and
``.ci/run`` all. For many at once: CONVOCA_TEST_EXAMPLES=40.
"""

import os

SHARE = float(os.environ.get("CONVOCA_TEST_EXAMPLES", "0.25"))


def of(examples: int) -> int:
    """The share of them that this run tries: one at the least."""
    return max(1, round(examples * SHARE))
