"""The table of signed requests that the unit tests use is what the installed botocore signs today."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def test_the_table_is_botocores():
    made = subprocess.run(["/usr/bin/python3", ROOT / "tools" / "make-signing-table"], capture_output=True, text=True,
                          check=True).stdout
    assert made == (ROOT / "src" / "net" / "sigv4_botocore.inc").read_text()
