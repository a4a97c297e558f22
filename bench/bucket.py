#!/usr/bin/env python3
"""Objects to and from an S3 server on this machine: baton beside `rclone copy` and `aws s3 cp`.

    bench/bucket.py [--only large,small,commit] [--tools baton,rclone,aws] [--rounds 3] [--rclone PATH]

One server for all, bench/s3_server.cc, whose own speed is measured with curl and printed first. For a few large files and for many
small ones, up and down: seconds, MiB/s, peak memory, and each tool's median as a multiple of baton's; and the time from a notice's
appearance to the durable commit, for a checkpoint of 1 GiB of which a tenth has changed. baton moves files as it delivers results and
stages data (bench/bucket_bench.cc). Every tool fetches what it has sent itself, so that each verifies by what it left; what came back is
compared with what was sent.

All files are in memory, in huge pages where this may mount a tmpfs (root). In a virtual machine free memory belongs to the host, and whoever
touches it first waits for it: so a file holds as much memory as will be needed and gives it back little by little while a tool needs it.

Tools `rclone-default` and `aws-default` are those without tuning; `rclone-unchecked` compares no checksums; `baton-signed` signs the SHA-256
of what it sends, as the others do without TLS, by calling this machine by its name (which must stand for 127.0.0.1).
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 1 << 20
SLACK = 512 * MIB  # of memory that is free while a tool runs
LIMIT = 300  # seconds, of one tool's one transfer

RCLONE = ["--config", "/dev/null", "--s3-no-check-bucket"]
RCLONE_COMMON = ["--no-check-dest", "--no-update-modtime"]
# The fastest of those tried: 2 to 32 transfers, parts of 8 to 64 MiB, 1 to 8 of them at once, 0 to 4 streams a file; aws: 2 to 20
# requests, parts of 16 to 256 MB. (`preferred_transfer_client = crt` of aws 2.9 does not connect to a server of one's own.)
RCLONE_TUNED = {"large": ["--transfers", "4", "--s3-upload-concurrency", "4", "--s3-chunk-size", "64M", "--multi-thread-streams", "2"],
                "small": ["--transfers", "16", "--checkers", "16", "--fast-list", "--s3-no-head"]}
AWS_TUNED = {"large": ["max_concurrent_requests = 2", "multipart_chunksize = 128MB"], "small": ["max_concurrent_requests = 20"]}


class Reserve:
    """Keeps `size` bytes of a tmpfs in use, by whoever: itself, or the others that need them."""

    def __init__(self, place, size):
        self.place, self.size = place, size
        self.file = open(place / "reserve", "w+b")
        self.block = bytes(MIB)

    def used(self):
        info = os.statvfs(self.place)
        return (info.f_blocks - info.f_bfree) * info.f_frsize

    def fill(self):
        """Takes what nobody uses."""
        held = self.file.seek(0, os.SEEK_END)
        for _ in range(max(0, self.size - self.used()) // MIB):
            self.file.write(self.block)
            held += MIB
        self.file.flush()

    def give(self):
        held = os.fstat(self.file.fileno()).st_size
        over = self.used() + SLACK - self.size
        if held and over > 0:
            self.file.truncate(max(0, held - over) // MIB * MIB)

    @contextlib.contextmanager
    def giving(self):
        ended = threading.Event()

        def work():
            while not ended.wait(0.01):
                self.give()

        self.give()
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


@contextlib.contextmanager
def memory(huge):
    """A directory in memory; in huge pages, which small files would waste, where that is wanted and allowed."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="baton-bucket-", dir="/dev/shm"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=90%,huge={'always' if huge else 'never'}", "none", str(place)],
                             stderr=subprocess.DEVNULL).returncode == 0
    if not mounted:
        print("not root: without huge pages, figures vary more")
    try:
        yield place
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def serve(options, place):
    objects = place / "objects"
    objects.mkdir(exist_ok=True)
    with subprocess.Popen([options.server, str(objects)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        yield "http://127.0.0.1:" + server.stdout.readline().strip()
        server.stdin.close()
        server.wait()


def make_files(directory, count, size):
    """Random bytes: nothing to gain by compressing."""
    directory.mkdir(parents=True)
    block = os.urandom(MIB)
    for number in range(count):
        with open(directory / f"file-{number:05}", "wb") as file:
            left = size
            while left > 0:
                salt = number.to_bytes(4, "big") + left.to_bytes(8, "big")
                left -= file.write((salt + block)[:min(left, len(block))])


def environment(url):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "RCLONE_", "BATON_"))}
    env.update(AWS_ACCESS_KEY_ID="bench", AWS_SECRET_ACCESS_KEY="bench", AWS_REGION="us-east-1", AWS_DEFAULT_REGION="us-east-1",
               AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null", RCLONE_CONFIG_R_TYPE="s3",
               RCLONE_CONFIG_R_PROVIDER="Other", RCLONE_CONFIG_R_ENDPOINT=url, RCLONE_CONFIG_R_ACCESS_KEY_ID="bench",
               RCLONE_CONFIG_R_SECRET_ACCESS_KEY="bench", RCLONE_CONFIG_R_REGION="us-east-1")
    return env


def run(command, env):
    """(seconds, peak MiB)"""
    begin = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    limit = threading.Timer(LIMIT, process.kill)
    limit.start()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    limit.cancel()
    process.returncode = status
    if status != 0:
        raise SystemExit(f"{command} failed: {said.decode()[-2000:]}")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def commands(tool, kind, options, url, place, env):
    """(upload of source/, download to back/), as command lines."""
    source, back = place / "source", place / "back"
    if tool.startswith("baton"):
        if tool == "baton-signed":  # not to the loopback interface, as far as it knows
            url = url.replace("127.0.0.1", socket.gethostname())
        query = f"?endpoint={url}&region=us-east-1"
        return ([options.binary, "up", source, "s3://bench/baton" + query],
                [options.binary, "down", "s3://bench/baton/files" + query, back])
    if tool.startswith("rclone"):
        words = [options.rclone, "copy", *RCLONE, *(RCLONE_COMMON + RCLONE_TUNED[kind] if tool != "rclone-default" else [])]
        words += ["--ignore-checksum", "--s3-disable-checksum"] if tool == "rclone-unchecked" else []
        return [*words, source, "R:bench/rclone"], [*words, "R:bench/rclone", back]
    if tool == "aws":
        config = place / "aws-config"
        config.write_text("[default]\ns3 =\n" + "".join(f"  {line}\n" for line in AWS_TUNED[kind]))
        env["AWS_CONFIG_FILE"] = str(config)
    words = [options.aws, "--endpoint-url", url, "s3", "cp", "--recursive", "--only-show-errors"]
    return [*words, source, "s3://bench/aws"], [*words, "s3://bench/aws", back]


def raw_speed(url, place, label, count, results):
    """What the server can do, with the cheapest of clients."""
    total = sum(file.stat().st_size for file in (place / "source").iterdir())
    at_once = 4
    for direction in "up", "down":
        lists = ["" for _ in range(at_once)]
        for number in range(count):
            file = f"file-{number:05}"
            lists[number % at_once] += f'url = "{url}/raw/{file}"\n' + (
                f'upload-file = "{place}/source/{file}"\n' if direction == "up" else 'output = "/dev/null"\n')
        begin = time.monotonic()
        clients = [subprocess.Popen(["curl", "-s", "-f", "-K", "-"], stdin=subprocess.PIPE, text=True) for _ in lists]
        for client, text in zip(clients, lists):
            client.stdin.write(text)
            client.stdin.close()
        if any(client.wait() != 0 for client in clients):
            raise SystemExit("curl failed")
        report(results, label, direction, "curl", total, time.monotonic() - begin, 0)


def report(results, label, direction, tool, total, seconds, peak):
    results.append({"what": label, "direction": direction, "tool": tool, "seconds": round(seconds, 3),
                    "mib_per_s": round(total / MIB / seconds), "peak_mib": round(peak)})
    print(f"{label:24} {direction:5} {tool:16} {seconds:7.2f} s {total / MIB / seconds:6.0f} MiB/s"
          + (f"   peak {peak:.0f} MiB" if peak else ""), flush=True)


def measure(options, kind, label, count, size, results):
    with memory(huge=kind == "large") as place:
        make_files(place / "source", count, size)
        total = count * size
        reserve = Reserve(place, total * 3 + 2 * SLACK)
        reserve.fill()
        with serve(options, place) as url, reserve.giving():
            raw_speed(url, place, label, count, results)
        for round_number in range(options.rounds):
            for tool in options.tools:
                if round_number and tool not in ("baton", "rclone"):
                    continue  # the others take long, and nothing hangs on some percent
                reserve.fill()
                with serve(options, place) as url:
                    env = environment(url)
                    for direction, command in zip(("up", "down"), commands(tool, kind, options, url, place, env)):
                        with reserve.giving():
                            seconds, peak = run(command, env)
                        report(results, label, direction, tool, total, seconds, peak)
                    if round_number == 0:
                        back = place / "back" / ("tree" if tool.startswith("baton") else "")
                        subprocess.run(["diff", "-rq", "-x", "_baton", place / "source", back], check=True)
                shutil.rmtree(place / "back")


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


def get(url):
    with urllib.request.urlopen(url) as reply:
        return reply.read()


def events(url, job):
    """The job's events in the bucket, in their order."""
    listing = xml.etree.ElementTree.fromstring(get(f"{url}/bench?list-type=2&prefix=store/jobs/{job}/events/"))
    return [json.loads(get(f"{url}/bench/{key.text}")) for key in listing.iter("Key")]


def committed(url, job):
    return sum(event["type"] == "committed" for event in events(url, job))


def measure_commit(options, results):
    """From the notice file's appearance to the `committed` event's in the bucket."""
    with memory(huge=False) as place, memory(huge=True) as objects, serve(options, objects) as url:
        (place / "code").mkdir()
        (place / "code" / "program.py").write_text(PROGRAM.replace("{size}", str(options.commit_mib << 20)))
        (place / "baton.yaml").write_text("name: bench\nimage: host\ncode: ./code\ncommand: [/usr/bin/python3, program.py]\n"
                                          "checkpoint: {every: 1h}\npreemption: {grace: 120s}\n")
        env = environment(url)
        env.update(BATON_HOME=str(place / "home"), BATON_STORE=f"s3://bench/store?endpoint={url}&region=us-east-1")
        agent = subprocess.Popen([options.baton, "run", "baton.yaml"], cwd=place, env=env, text=True, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            while "changed" not in agent.stdout.readline():
                if agent.poll() is not None:
                    raise SystemExit("the job has ended too early")
            job = json.loads(subprocess.check_output([options.baton, "ps", "--json"], env=env))[0]["id"]
            notice = json.loads(subprocess.check_output([options.baton, "show", job, "--json"], env=env))["notice_file"]
            assert committed(url, job) == 1
            time.sleep(3)  # output and metrics have been written; nothing else is going on
            begin = time.monotonic()
            pathlib.Path(notice).touch()
            while committed(url, job) < 2:
                time.sleep(0.005)
            seconds = time.monotonic() - begin
            peak = next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{agent.pid}/status").read_text().splitlines()
                        if line.startswith("VmHWM")) // 1024
        finally:
            agent.terminate()
            agent.stdout.read()
            agent.wait()
        changed = place / "changed"
        changed.write_bytes(os.urandom(options.commit_mib * MIB // 10))
        raw = []
        for _ in range(3):
            begin = time.monotonic()
            subprocess.run(["curl", "-sf", "-T", str(changed), f"{url}/raw/changed"], check=True)
            raw.append(time.monotonic() - begin)
    limit = statistics.median(raw)
    results.append({"what": "notice to durable commit", "tool": "baton", "seconds": round(seconds, 3), "raw_upload_seconds": round(limit, 3),
                    "checkpoint_mib": options.commit_mib, "peak_mib": peak})
    print(f"{options.commit_mib} MiB checkpoint, a tenth changed: {seconds:.2f} s from notice to durable commit; curl sends as many bytes in "
          f"{limit:.2f} s; agent's peak {peak} MiB", flush=True)


def print_ratios(results):
    def median(what, direction, tool):
        return statistics.median([r["seconds"] for r in results if (r["what"], r.get("direction"), r["tool"]) == (what, direction, tool)])

    print()
    for what, direction, tool in dict.fromkeys((r["what"], r["direction"], r["tool"]) for r in results if "direction" in r):
        with contextlib.suppress(statistics.StatisticsError):
            seconds, own = median(what, direction, tool), median(what, direction, "baton")
            print(f"{what:24} {direction:5} {tool:16} {seconds:7.2f} s, {seconds / own:.2f} times baton's")
    print(f"baton's peak: {max((r['peak_mib'] for r in results if r['tool'] == 'baton'), default=0)} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="large,small,commit", type=lambda text: text.split(","))
    parser.add_argument("--tools", default="baton,rclone,aws", type=lambda text: text.split(","))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large-mib", type=int, default=4096)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--commit-mib", type=int, default=1024)
    parser.add_argument("--binary", default=str(ROOT / "build/release/bucket_bench"))
    parser.add_argument("--server", default=str(ROOT / "build/release/s3_server"))
    parser.add_argument("--baton", default=str(ROOT / "build/release/baton"))
    parser.add_argument("--rclone", default="/usr/bin/rclone")
    parser.add_argument("--aws", default="/usr/bin/aws")
    parser.add_argument("--json", help="write the figures here as well")
    options = parser.parse_args()
    results = []
    if "large" in options.only:
        measure(options, "large", f"{options.large_mib} MiB in 4 files", 4, options.large_mib // 4 << 20, results)
    if "small" in options.only:
        measure(options, "small", f"{options.small} files of 16 KiB", options.small, 16 << 10, results)
    for _ in range(options.rounds if "commit" in options.only else 0):
        measure_commit(options, results)
    print_ratios(results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
