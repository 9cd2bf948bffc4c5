"""The locked dependencies are what pyproject.toml asks for, each with hashes, and name no host."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def locked(name: str) -> dict[str, str]:
    """Package and version of each entry; exits where one is without a hash or names a host."""
    text = (ROOT / "requirements" / name).read_text()
    if re.search(r"https?://|--(extra-)?index|--find-links", text):
        sys.exit(f"requirements/{name} names a host or an index.")
    entries = text.replace("\\\n", " ").splitlines()
    found = {}
    for entry in entries:
        pin = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", entry)
        if not pin or "--hash=sha256:" not in entry:
            sys.exit(f"requirements/{name}: not pinned with a hash: {entry[:60]}")
        found[str(canonicalize_name(pin[1]))] = str(pin[2])
    return found


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    run, dev = locked("run.txt"), locked("dev.txt")
    wanted = {
        "run.txt": (run, [*project["project"]["dependencies"], *groups["build"]]),
        "dev.txt": (dev, groups["dev"]),
    }
    for name, (pins, lines) in wanted.items():
        for line in lines:
            requirement = Requirement(line)
            version = pins.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version):
                sys.exit(
                    f"requirements/{name} does not fit {line!r} (has {version}). Run: make lock"
                )
    differing = sorted(n for n in run if dev.get(n, run[n]) != run[n])
    if differing:
        sys.exit(
            f"requirements/run.txt and dev.txt differ in {', '.join(differing)}. Run: make lock"
        )


if __name__ == "__main__":
    main()
