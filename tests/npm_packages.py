"""Packages from npm that stand in for other services, installed once and kept."""
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest


def npm_packages(*packages):
    """A directory whose node_modules holds these ("name@version"); installed when no earlier run has left it."""
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("without node and npm there is nothing to install " + ", ".join(packages) + " with: run tools/install-packages")
    name = "npm-" + hashlib.sha256(" ".join(packages).encode()).hexdigest()[:12]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "baton-tests"
    cache.mkdir(parents=True, exist_ok=True)
    root = cache / name
    with open(cache / (name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if root.is_dir():
            return root
        partial = cache / (name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        (partial / "package.json").write_text('{"private": true}\n')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages], cwd=partial, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        partial.rename(root)
    return root
