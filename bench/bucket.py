#!/usr/bin/env python3
"""Objects to and from an S3 server on this machine: baton beside `rclone copy` and `aws s3 cp`.

    bench/bucket.py [--binary build/release/bucket_bench] [--large-mib 4096] [--small 10000] [--tools baton,rclone,aws]

One server for all: npm's s3rver, which keeps objects as files (Debian builds its rclone without `serve s3`). Prints, for a few large files and for
many small ones, up and down: MiB/s, each tool's time as a multiple of baton's, and baton's peak memory; and the time from a
notice to the durable commit of a 1 GiB checkpoint of which a tenth has changed. A size of 0 leaves a part out.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from moto_root import moto_server, request  # noqa: E402

KEY, SECRET = "S3RVER", "S3RVER"


def s3rver():
    """npm's s3rver, installed once and kept."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "baton-tests" / "s3rver"
    program = cache / "node_modules/.bin/s3rver"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "s3rver@3"], cwd=cache, check=True, stdout=subprocess.DEVNULL)
    return program


@contextlib.contextmanager
def serve(directory):
    """Objects as files in `directory`, one bucket "bench"."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen([s3rver(), "-d", directory, "-a", "127.0.0.1", "-p", str(port), "-s", "--no-vhost-buckets",
                               "--configure-bucket", "bench"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server does not answer")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def make_files(directory, count, size):
    """Random bytes: nothing to gain by compressing."""
    directory.mkdir(parents=True)
    block = os.urandom(1 << 20)
    for number in range(count):
        with open(directory / f"file-{number:05}", "wb") as file:
            left = size
            while left > 0:
                salt = number.to_bytes(4, "big") + left.to_bytes(8, "big")
                left -= file.write((salt + block)[:min(left, len(block))])


def run(command, env, memory=False):
    begin = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    if status != 0:
        raise SystemExit(f"{command} failed: {process.stderr.read().decode()[-2000:]}")
    return seconds, usage.ru_maxrss / 1024 if memory else 0


def commands(tool, options, url, env):
    """(upload, download) of a directory, as command lines."""
    if tool == "baton":
        place = f"s3://bench/baton?endpoint={url}&region=us-east-1"
        return ([options.binary, "up", "{dir}", place], [options.binary, "down", place, "{dir}"])
    if tool == "rclone":
        env.update(RCLONE_CONFIG_R_TYPE="s3", RCLONE_CONFIG_R_PROVIDER="Other", RCLONE_CONFIG_R_ENDPOINT=url,
                   RCLONE_CONFIG_R_ACCESS_KEY_ID=KEY, RCLONE_CONFIG_R_SECRET_ACCESS_KEY=SECRET)
        tuned = ["/usr/bin/rclone", "copy", "--config", "/dev/null", "--transfers", "16", "--checkers", "16", "--s3-upload-concurrency", "4",
                 "--s3-chunk-size", "16M", "--s3-no-check-bucket", "--no-check-dest", "--no-update-modtime"]
        return ([*tuned, "{dir}", "R:bench/rclone"], [*tuned, "R:bench/rclone", "{dir}"])
    copy = ["/usr/bin/aws", "--endpoint-url", url, "s3", "cp", "--recursive", "--only-show-errors"]
    return ([*copy, "{dir}", "s3://bench/aws"], [*copy, "s3://bench/aws", "{dir}"])


def measure(options, place, label, count, size, results):
    source = place / "source"
    make_files(source, count, size)
    total = count * size / 2**20
    for tool in options.tools:
        served = place / "served"
        served.mkdir()
        env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        env.update(AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION="us-east-1",
                   AWS_DEFAULT_REGION="us-east-1", AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null")
        with serve(served) as url:
            for direction, command in zip(("up", "down"), commands(tool, options, url, env)):
                target = source if direction == "up" else place / "back"
                words = [str(word).replace("{dir}", str(target)) for word in command]
                seconds, peak = run(words, env, memory=tool == "baton")
                results.append({"what": label, "direction": direction, "tool": tool, "seconds": round(seconds, 2),
                                "mib_per_s": round(total / seconds), "peak_mib": round(peak)})
                print(f"{label:24} {direction:5} {tool:7} {seconds:7.2f} s {total / seconds:7.0f} MiB/s"
                      + (f"   peak {peak:.0f} MiB" if peak else ""), flush=True)
            subprocess.run(["diff", "-rq", str(source), str(place / "back")], check=True)
        shutil.rmtree(place / "back")
        shutil.rmtree(served)
    shutil.rmtree(source)


PROGRAM = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the preemption file is enough
path = os.environ["BATON_CHECKPOINT_DIR"] + "/weights"
size, chunk = {size}, 4 << 20
with open(path, "wb") as file:
    for _ in range(size // chunk):
        file.write(os.urandom(chunk))
import baton
baton.commit()
with open(path, "r+b") as file:
    for at in range(0, size, 10 * chunk):
        file.seek(at)
        file.write(os.urandom(chunk))
print("changed", flush=True)
while not os.path.exists(os.environ["BATON_PREEMPT_FILE"]):
    time.sleep(0.01)
"""


def measure_commit(options, place, results):
    """From `baton preempt` to the `committed` event, for a checkpoint of 1 GiB of which a tenth has changed."""
    (place / "code").mkdir()
    (place / "code" / "program.py").write_text(PROGRAM.replace("{size}", str(options.commit_mib << 20)))
    (place / "baton.yaml").write_text("name: bench\nimage: host\ncode: ./code\ncommand: [/usr/bin/python3, program.py]\n"
                                      "checkpoint: {every: 1h}\npreemption: {grace: 120s}\n")
    with moto_server() as url:  # which, other than s3rver, honours conditional writes
        request("PUT", url + "/bench")
        env = dict(os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, BATON_HOME=str(place / "home"),
                   BATON_STORE=f"s3://bench/store?endpoint={url}&region=us-east-1")
        agent = subprocess.Popen([options.baton, "run", "baton.yaml"], cwd=place, env=env, text=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        while "changed" not in agent.stdout.readline():
            if agent.poll() is not None:
                raise SystemExit("the job has ended too early")
        job = json.loads(subprocess.check_output([options.baton, "ps", "--json"], env=env))[0]["id"]
        agent.send_signal(signal.SIGTERM)  # a notice: commit, and end
        agent.stdout.read()
        _, _, usage = os.wait4(agent.pid, 0)
        agent.returncode = 0
        subprocess.run(["/usr/bin/aws", "--endpoint-url", url, "s3", "cp", "--recursive", "--only-show-errors",
                        f"s3://bench/store/jobs/{job}/events/", str(place / "events")], env=env, check=True)
        events = [json.loads(file.read_text()) for file in sorted((place / "events").iterdir())]
    noticed = next(e["at_ms"] for e in events if e["type"] == "noticed")
    first, committed = [e["at_ms"] for e in events if e["type"] == "committed"]
    assert first < noticed < committed
    results.append({"what": "notice to durable commit", "tool": "baton", "seconds": (committed - noticed) / 1000,
                    "checkpoint_mib": options.commit_mib, "peak_mib": usage.ru_maxrss // 1024})
    print(f"{options.commit_mib} MiB checkpoint, a tenth changed: {(committed - noticed) / 1000:.2f} s from notice to durable commit, "
          f"agent's peak {usage.ru_maxrss // 1024} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "build/release/bucket_bench"))
    parser.add_argument("--large-mib", type=int, default=4096)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--commit-mib", type=int, default=1024)
    parser.add_argument("--baton", default=str(ROOT / "build/release/baton"))
    parser.add_argument("--tools", default="baton,rclone,aws", type=lambda text: text.split(","))
    parser.add_argument("--json", help="write the figures here as well")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="baton-bucket-") as name:
        if options.large_mib:
            measure(options, pathlib.Path(name), f"{options.large_mib} MiB in 4 files", 4, options.large_mib // 4 << 20, results)
        if options.small:
            measure(options, pathlib.Path(name), f"{options.small} files of 16 KiB", options.small, 16 << 10, results)
    if options.commit_mib:
        with tempfile.TemporaryDirectory(prefix="baton-bucket-") as name:
            measure_commit(options, pathlib.Path(name), results)
    print()
    for row in results:
        if row["tool"] != "baton":
            own = next(r for r in results if (r["what"], r["direction"], r["tool"]) == (row["what"], row["direction"], "baton"))
            print(f"{row['what']:24} {row['direction']:5} {row['tool']:7} takes {row['seconds'] / own['seconds']:.2f} times as long")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
