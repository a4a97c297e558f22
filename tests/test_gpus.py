"""GPUs are given to one job at a time. The GPUs are made up; what says of them (CDI) is what a vendor's tool writes."""
import pytest

GPUS = """cdiVersion: "0.6.0"
kind: vendor.com/gpu
devices:
- {name: "0", containerEdits: {env: [GPU=0]}}
- {name: "1", containerEdits: {env: [GPU=1]}}
"""


@pytest.fixture
def gpus(cli):
    (cli.dir / "cdi").mkdir()
    (cli.dir / "cdi" / "vendor.yaml").write_text(GPUS)
    cli.env["BATON_CDI_DIRS"] = str(cli.dir / "cdi")
    return cli


def test_two_jobs_get_different_gpus_and_a_third_is_refused(gpus):
    cli = gpus
    agents = []
    for number in range(2):
        spec = cli.spec('echo "GPU $GPU"; while :; do sleep 0.1; done', name=f"holder-{number}", extra="resources: {gpus: 1}",
                        where=f"holder-{number}")
        agents.append(cli.start("run", spec))
        cli.wait_for_output(f"GPU {number}", f"holder-{number}")
    holders = [cli.show(f"holder-{number}")["id"] for number in range(2)]
    third = cli.spec('echo "GPU $GPU"', name="third", extra="resources: {gpus: 1}", where="third")
    refused = cli("run", third, check=1)
    assert "1 GPU(s) are wanted, but of 2 here only 0 are free" in refused.stderr
    assert all(holder in refused.stderr for holder in holders), "it says who has them"
    assert len(cli.json("ps", "--all")) == 2, "no job is made that could not start"
    shared = cli.spec('echo "GPU $GPU"', name="shared", extra="resources: {devices: [vendor.com/gpu=1]}", where="shared")
    assert cli("run", shared).stdout == "GPU 1\n", "a device that is named is shared"
    cli("stop", "holder-0")
    agents[0].wait(timeout=60)
    assert cli("run", third).stdout == "GPU 0\n"


def test_more_gpus_than_there_are_is_refused_before_a_job_is_made(gpus):
    refused = gpus("run", gpus.spec("true", extra="resources: {gpus: 3}"), check=1)
    assert "3 GPU(s) are wanted, but 2 are described" in refused.stderr
    assert not (gpus.dir / "home" / "store").exists()


def test_a_killed_agent_gives_its_gpu_back(gpus):
    agent = gpus.start("run", gpus.spec("echo started; while :; do sleep 0.1; done", extra="resources: {gpus: 2}"))
    gpus.wait_for_output("started")
    agent.kill()
    agent.wait()
    assert gpus("run", gpus.spec('echo "GPU $GPU"', name="next", extra="resources: {gpus: 2}", where="next")).stdout


def sweep_on_gpus(cli, parallel):
    """Each trial says which GPU it has, and waits until it may end."""
    (cli.dir / "gate").mkdir(exist_ok=True)
    program = ("echo '{\"step\": 1, \"loss\": '$BATON_PARAM_X'}' >> $BATON_METRICS_FILE\n"
               "echo GPU $GPU\nwhile [ ! -e /data/go ]; do sleep 0.05; done")
    spec = cli.spec(program, name="many", extra="resources: {gpus: 1}\ndata: {/data: ./gate}\n")
    with spec.open("a") as f:
        f.write(f"sweep: {{metric: loss, method: random, trials: 3, parallel: {parallel}, parameters: {{x: {{min: 0, max: 1}}}}}}\n")
    return spec


def test_a_sweep_runs_as_many_trials_as_there_are_gpus(gpus):
    cli = gpus
    sweep_on_gpus(cli, parallel=3)
    sweep = cli.start("sweep")
    for trial in (1, 2):
        cli.wait_for_output("GPU", f"many+{trial}")
    assert len(cli.json("sweep", "results", "latest")) == 2, "the third waits for a GPU"
    assert {cli("logs", f"many+{trial}").stdout for trial in (1, 2)} == {"GPU 0\n", "GPU 1\n"}
    (cli.dir / "gate" / "go").touch()
    out, err = sweep.communicate(timeout=60)
    assert sweep.returncode == 0, out + err
    assert "room for 2 of 3 trials" in err
    assert [t["state"] for t in cli.json("sweep", "results", "latest")] == ["value"] * 3


def test_a_sweep_leaves_the_gpus_of_others_alone(gpus):
    cli = gpus
    holder = cli.start("run", cli.spec('echo "GPU $GPU"; while :; do sleep 0.1; done', name="holder",
                                       extra="resources: {gpus: 1}", where="holder"))
    cli.wait_for_output("GPU 0", "holder")
    sweep_on_gpus(cli, parallel=2)
    (cli.dir / "gate" / "go").touch()
    done = cli("sweep")
    assert "room for 1 of 2 trials" in done.stderr
    assert [t["state"] for t in cli.json("sweep", "results", "latest")] == ["value"] * 3
    assert {cli("logs", f"many+{trial}").stdout for trial in (1, 2, 3)} == {"GPU 1\n"}
    cli("stop", "holder")
    holder.wait(timeout=60)


def test_a_sweep_on_more_gpus_than_there_are_is_refused_before_it_is_made(gpus):
    spec = sweep_on_gpus(gpus, parallel=1)
    spec.write_text(spec.read_text().replace("gpus: 1", "gpus: 3"))
    refused = gpus("sweep", check=1)
    assert "3 GPU(s) are wanted, but 2 are described" in refused.stderr
    assert not (gpus.dir / "home" / "store").exists()
