"""Locks the dependencies by name, version and hash, for every platform, naming no host."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
COMMON = [
    *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
    "--no-emit-find-links",
]


def main() -> None:
    pyproject = str(HERE.parent / "pyproject.toml")
    run, dev = str(HERE / "run.txt"), str(HERE / "dev.txt")
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv else []
    python = [sys.executable, "-m"]
    build = ["--group", f"{pyproject}:build"]
    subprocess.run([*python, *COMMON, *upgrade, *build, pyproject, "-o", run], check=True)
    tests = ["--group", f"{pyproject}:dev", "-c", run]
    subprocess.run([*python, *COMMON, *upgrade, *build, *tests, pyproject, "-o", dev], check=True)


if __name__ == "__main__":
    main()
