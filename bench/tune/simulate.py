"""One run: a method, a problem, and workers whose evaluations take random times. Only events are simulated; nothing waits."""
import heapq
import json
import math
import random
import subprocess
import time

TIMES = {  # mean 1 each
    "half-normal": lambda rng: abs(rng.gauss(0, 1)) * math.sqrt(math.pi / 2),
    "uniform": lambda rng: rng.uniform(0, 2),
    "exponential": lambda rng: rng.expovariate(1),
}


class Suggester:
    """A process that speaks the protocol of `baton suggest`."""

    def __init__(self, command, environment):
        self.command, self.environment, self.process = command, environment, None

    def __call__(self, **request):
        if self.process is None:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, text=True, bufsize=1, env=self.environment)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.command} ended with status {self.process.wait()}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(f"{request} → {reply['error']}")
        return reply

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.process = None


def simulate(suggester, options, problem, workers, times, seed, evaluations):
    """The regret of the best point seen after each evaluation that ended, and the time of all asks and tells in seconds.

    The i-th evaluation to start takes the same time, and has the same noise, whatever the method. The best point is the one with
    the best observation; its regret is that of its true value.
    """
    durations = random.Random(f"times {problem.name} {times} {seed}")
    noise = random.Random(f"noise {problem.name} {seed}")
    took, now, started, best, curve, running = 0.0, 0.0, 0, math.inf, [], []
    true_best = math.inf
    suggester(op="init", seed=seed, goal="minimize", parallel=workers, trials=evaluations, parameters=problem.space, **options)

    def start():
        nonlocal took, started
        begin = time.perf_counter()
        reply = suggester(op="ask")
        took += time.perf_counter() - begin
        true = problem.value(reply["params"])
        seen = true + problem.noise * noise.gauss(0, 1)
        heapq.heappush(running, (now + TIMES[times](durations), started, reply["id"], seen, true))
        started += 1

    for _ in range(min(workers, evaluations)):
        start()
    while running:
        now, _, handle, seen, true = heapq.heappop(running)
        begin = time.perf_counter()
        suggester(op="tell", id=handle, value=seen)
        took += time.perf_counter() - begin
        if seen < best:
            best, true_best = seen, true
        curve.append(max(true_best - problem.minimum, 0.0))
        if started < evaluations:
            start()
    return curve, took
