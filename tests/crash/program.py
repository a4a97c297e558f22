"""What the crash tests run: a chain of hashes, one link a step, that tolerates being killed anywhere.

Appends a line per step to results/log.csv, reports a metric per step, keeps its state in the checkpoint directory and
asks for a commit every other step. Holds a lock that only one running copy can hold.
"""
import fcntl
import hashlib
import json
import os
import sys
import time

import baton

STEPS = int(baton.params["steps"])

lock = open("/data/lock")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("another copy of this program is running", flush=True)
    sys.exit(9)

state_file = os.path.join(baton.checkpoint_dir, "state.json")
state = {"step": 0, "hash": ""}
if os.path.exists(state_file):
    with open(state_file) as f:
        state = json.load(f)

log = open(os.path.join(baton.results_dir, "log.csv"), "a")
while state["step"] < STEPS:
    step = state["step"] + 1
    state = {"step": step, "hash": hashlib.sha256(f"{state['hash']}:{step}".encode()).hexdigest()}
    print("step", step, flush=True)
    log.write(f"{step},{state['hash']}\n")
    log.flush()
    baton.report(step=step, value=step)
    with open(state_file + ".tmp", "w") as f:
        json.dump(state, f)
    os.replace(state_file + ".tmp", state_file)
    if step % 2 == 0:
        baton.commit()
    if baton.should_stop():
        sys.exit(0)
    time.sleep(0.005)

with open(os.path.join(baton.results_dir, "final.txt"), "w") as f:
    f.write(state["hash"] + "\n")
