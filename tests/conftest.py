"""What the tests of the whole binary share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than half a minute, or makes an image")
    config.addinivalue_line("markers", "timeout(seconds): for pytest-timeout, where it is installed")


@pytest.fixture(scope="session")
def baton_bin():
    """The binary under test: $BATON_BIN, or the release build."""
    binary = Path(os.environ.get("BATON_BIN") or ROOT / "build" / "release" / "baton")
    if not os.access(binary, os.X_OK):
        pytest.skip(f"{binary} is not built: cmake --preset release && cmake --build --preset release")
    return binary
