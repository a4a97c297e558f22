"""Work that nearly was lost: a pipeline at a notice, a commit that cannot be made, a timeout, results of an earlier end."""
import re
from pathlib import Path

SAVER = """
import os, signal, sys, time
def save(*_):
    time.sleep(0.5)
    print("saving", flush=True)
    open("/checkpoint/new", "w").write("x")
    os.rename("/checkpoint/new", "/checkpoint/saved")
    os._exit(0)
signal.signal(signal.SIGTERM, save)
print("attempt", os.environ["BATON_ATTEMPT"], os.listdir("/checkpoint"), flush=True)
if os.environ["BATON_ATTEMPT"] == "2":
    sys.exit(0)
while True:
    time.sleep(0.1)
"""


def test_a_program_in_a_pipeline_saves_its_work(cli):
    spec = cli.spec("")
    (cli.dir / "code" / "saver.py").write_text(SAVER)
    spec.write_text("name: test\nimage: host\ncode: ./code\ncommand: 'python3 saver.py | tee /results/log | cat'\n")
    process = cli.start("run")
    cli.wait_for_output("attempt 1 []")
    cli("preempt", "latest")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    first = cli.show("latest")["attempts"][0]
    assert first["outcome"] == "preempted" and "saving" in out and "attempt 2 ['saved']" in out, out + err


def test_what_no_commit_can_hold_is_kept(cli):
    program = "echo good > /results/model\ncd /checkpoint\nfor i in $(seq 210); do mkdir d; cd d; done\n"
    done = cli("run", cli.spec(program), check=75)
    assert "the final commit failed" in done.stderr, done.stderr
    place = re.search(r"is kept in (\S+);", done.stderr).group(1)
    assert Path(place, "results", "model").read_text() == "good\n" and Path(place, "checkpoint", "d", "d").is_dir()
    assert not list((cli.dir / "home" / "run").iterdir())
    cli("rm", "latest")
    assert Path(place, "results", "model").exists()


def test_each_retry_and_each_resume_has_the_whole_timeout(cli):
    program = "echo $BATON_ATTEMPT >> /checkpoint/began\ntrap 'exit 0' TERM\n" \
              "[ $(wc -l < /checkpoint/began) -lt 4 ] || exit 0\nwhile :; do sleep 0.05; done\n"
    spec = cli.spec(program, extra="timeout: 1s\nretries: 1\npreemption: {grace: 5s}\n")
    assert cli("run", spec, check=None).returncode not in (0, 75)
    ran = [a["ran_ms"] for a in cli.show("latest")["attempts"]]
    assert len(ran) == 2 and all(ms >= 900 for ms in ran), ran
    cli("resume", "latest", check=None)
    ran = [a["ran_ms"] for a in cli.show("latest")["attempts"]]
    assert ran[2] >= 900, ran


def test_results_of_an_earlier_end_are_named_so(cli):
    program = """if [ $BATON_ATTEMPT = 1 ]; then echo v1 > /results/f; exit 3; fi
    echo v2 > /results/f; echo > /checkpoint/x
    while :; do sleep 0.05; done
    """
    job = cli("run", cli.spec(program, extra="checkpoint: {every: 200ms}\n"), check=3) and cli.show("latest")["id"]
    assert "has gone on" not in cli("results", job).stderr
    process = cli.start("resume", job)
    cli.wait(lambda: len(cli.show(job)["attempts"]) == 2 and cli.show(job)["attempts"][1]["commits"] > 0, "a commit")
    cli("stop", job)
    process.wait(60)
    said = cli("results", job)
    assert "the job has gone on since these results were delivered" in said.stderr and "--to DIR" in said.stderr
    cli("results", job, "--to", "out")
    assert (cli.dir / "out" / "f").read_text() == "v2\n"
