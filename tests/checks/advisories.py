"""No library that runs here has a known hole: `pip-audit` over the locked versions.

A hole that is known fails the check. That nobody could be asked does not, but is said loudly: a
change must not wait for others' servers. What is asked regularly and must not go unanswered sets
CONVOCA_ADVISORIES_MUST_ANSWER.

`pip-audit` calls it success where the service knows none of the packages, as behind a mirror of
the packages without their advisories; so it is counted who was asked about.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 180  # seconds
IGNORED: dict[str, str] = {}
"""Advisories that do not concern us: the id, and why not."""


@dataclass(frozen=True)
class Verdict:
    """`holes`: a line for each. `unknown`: how many of `total` nobody has looked at, and why."""

    holes: tuple[str, ...]
    unknown: int
    total: int
    why: str = ""


def judge(report: dict[str, Any]) -> Verdict:
    """What a report of `pip-audit` (JSON) amounts to."""
    found = report["dependencies"]
    skipped = [each["skip_reason"] for each in found if "skip_reason" in each]
    holes = tuple(
        f"{each['name']} {each['version']}: {hole['id']}"
        + (f", mended in {', '.join(hole['fix_versions'])}" if hole["fix_versions"] else "")
        for each in found
        for hole in each.get("vulns", ())
        if not {hole["id"], *hole.get("aliases", ())} & IGNORED.keys()
    )
    return Verdict(holes, len(skipped), len(found), skipped[0] if skipped else "")


def audit() -> Verdict:
    """Asks about what is locked."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"]
    command += ["--requirement", str(ROOT / "requirements" / "run.txt"), "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return judge(json.loads(done.stdout))
    except subprocess.TimeoutExpired:
        return Verdict((), 1, 1, f"no answer within {PATIENCE} seconds")
    except (ValueError, KeyError):
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        return Verdict((), 1, 1, said[-1][:200])


def main() -> None:
    found = audit()
    if found.holes:
        sys.exit("\n".join(["Libraries with known holes:", *found.holes]))
    if found.unknown:
        said = f"NOT AUDITED: {found.unknown} of {found.total} locked libraries ({found.why})"
        print(f"\033[1;31m{said}\033[0m" if sys.stderr.isatty() else said, file=sys.stderr)
        if os.environ.get("CONVOCA_ADVISORIES_MUST_ANSWER"):
            sys.exit(1)


if __name__ == "__main__":
    main()
