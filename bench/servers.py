"""Servers under test: one uvicorn process each, on a free port of this machine."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(target: str, env: dict[str, str] | None = None) -> Iterator[str]:
    """Serves an application until this is left; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", target, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    if target.endswith("make"):
        command.append("--factory")
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {})})
    base = f"http://127.0.0.1:{port}"
    try:
        _until_it_answers(process, base)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=30)


def _until_it_answers(process: subprocess.Popen[bytes], base: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit("The server under test did not start.")
        with contextlib.suppress(httpx.TransportError):
            httpx.get(base + "/", timeout=1)
            return
        time.sleep(0.05)
    sys.exit("The server under test does not answer.")


def need_wrk() -> None:
    """Exits with what to install where the load generator is missing."""
    if shutil.which("wrk") is None:
        sys.exit("The benchmarks need wrk. On Debian and Ubuntu: apt install wrk")


def rate(url: str, headers: dict[str, str], *, seconds: int, expect: int) -> float:
    """Requests per second with 32 connections; exits where the answer is not the expected one."""
    answer = httpx.get(url, headers=headers, timeout=10)
    if answer.status_code != expect:
        sys.exit(f"{url} answered {answer.status_code} instead of {expect}.")
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if found is None or (expect < 300 and "Non-2xx" in done.stdout):
        sys.exit(f"wrk could not measure {url}:\n{done.stdout}")
    return float(found[1])
