"""At least 300 seeded kills: nothing committed is lost, nobody owns a job twice, every job finishes."""
import pathlib
import subprocess
import sys

import pytest

CRASH = pathlib.Path(__file__).parent / "crash" / "crash.py"


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [f"{first}-{first + 49}" for first in range(0, 300, 50)])
def test_seeded_kills(seeds, baton_bin):
    done = subprocess.run([sys.executable, str(CRASH), "--seeds", seeds, "--binary", str(baton_bin)],
                          capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
