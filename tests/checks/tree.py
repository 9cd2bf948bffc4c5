"""What must not be in the tree: hosts of package registries, paths of machines, unfinished work,
and files so long that they want splitting."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIMIT = 400
# Written in pieces, so that this file is not what it looks for.
FORBIDDEN = {
    "a package registry's host": "|".join(
        (
            "pypi" r"\.org",
            "python" r"hosted\.",
            "npm" r"js\.",
            "registry" r"\.npm",
            "deb" r"\.debian",
        )
    ),
    "a path of a machine": r"(?<![\w.])/(?:root|work|home/\w+)/",
    "something unfinished": r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX)\b|^[A-Z]{4,}$",
}


def main() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wrong = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
        for what, pattern in FORBIDDEN.items():
            for number, row in enumerate(text.splitlines(), 1):
                if re.search(pattern, row):
                    wrong.append(f"{name}:{number}: {what}")
        long = len(text.splitlines()) > LIMIT
        if long and name.startswith(("app/", "templates/")) and not name.endswith((".po", ".json")):
            wrong.append(f"{name}: {len(text.splitlines())} lines; split it by use case")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
