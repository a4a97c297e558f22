"""100 seeded sweeps, by several methods, whose process, agents and programs are killed: every trial is there, and counts once."""
import pathlib
import subprocess
import sys

import pytest

CRASH = pathlib.Path(__file__).parent / "crash" / "sweep_crash.py"


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [f"{first}-{first + 24}" for first in range(0, 100, 25)])
def test_seeded_kills_of_sweeps(seeds, baton_bin):
    done = subprocess.run([sys.executable, str(CRASH), "--seeds", seeds, "--binary", str(baton_bin)],
                          capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
