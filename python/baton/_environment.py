"""Where things are: what the agent says in the environment, or a local default."""

import os
from pathlib import Path
from typing import Any, Callable, Dict, Optional


def path(variable: str) -> Optional[Path]:
    """The path in an environment variable; None when it is unset or empty."""
    value = os.environ.get(variable)
    return Path(value) if value else None


def _directory(variable: str, default: str) -> Path:
    place = path(variable) or Path(default).absolute()
    place.mkdir(parents=True, exist_ok=True)
    return place


def checkpoint_dir() -> Path:
    return _directory("BATON_CHECKPOINT_DIR", "checkpoint")


def results_dir() -> Path:
    return _directory("BATON_RESULTS_DIR", "results")


def metrics_file() -> Path:
    return path("BATON_METRICS_FILE") or results_dir() / "metrics.jsonl"


def job() -> str:
    return os.environ.get("BATON_JOB") or "local"


def attempt() -> int:
    return int(os.environ.get("BATON_ATTEMPT") or 1)


READERS: Dict[str, Callable[[], Any]] = {
    "checkpoint_dir": checkpoint_dir,
    "results_dir": results_dir,
    "job": job,
    "attempt": attempt,
}
