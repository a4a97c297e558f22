"""A certificate authority that a test makes up."""
import subprocess

CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60)


def make_authority(directory, name):
    """Fills `directory`: ca.pem is the authority; server.pem a key and a certificate for `name` ("DNS:…" or "IP:…") that it has
    signed. Gives the directory."""
    openssl("req", "-x509", *CURVE, "-days", "2", "-keyout", directory / "ca.key", "-out", directory / "ca.pem",
            "-subj", "/CN=made-up authority")
    openssl("req", *CURVE, "-keyout", directory / "server.key", "-out", directory / "server.csr", "-subj", "/CN=server")
    (directory / "extensions").write_text(f"subjectAltName={name}\n")
    openssl("x509", "-req", "-in", directory / "server.csr", "-CA", directory / "ca.pem", "-CAkey", directory / "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", directory / "extensions", "-out", directory / "server.crt")
    (directory / "server.pem").write_text((directory / "server.key").read_text() + (directory / "server.crt").read_text())
    return directory
