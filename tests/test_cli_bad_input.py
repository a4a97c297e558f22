"""Bad input gets one clear sentence and changes nothing."""
import json
import os
import signal
import subprocess

import pytest


def refused(cli, *words, status=1, **options):
    """Runs it, and checks that it is refused in one sentence with at most one hint and that no job was made."""
    done = cli(*words, check=status, **options)
    assert done.stdout == "" and 1 <= len(done.stderr.strip().split("\n")) <= 3, done.stderr
    assert done.stderr.startswith("baton: ")
    return done.stderr


def no_job(cli):
    return json.loads(cli("ps", "--all", "--json").stdout) == []


def test_missing_data_directory_and_its_neighbour(cli):
    (cli.dir / "datasets").mkdir()
    cli.spec(extra="data: {/data: ./dataset}")
    said = refused(cli, "run", status=2)
    assert "does not exist" in said and f"did you mean {cli.dir}/datasets?" in said
    assert no_job(cli)


def test_missing_data_directory_far_away(cli):
    cli.spec(extra="data: {/data: /nowhere/to/be/found}")
    for command in ("run", "submit"):
        assert "there is no /nowhere" in refused(cli, command, status=2)
    assert no_job(cli)


def test_code_that_is_missing_or_no_directory(cli):
    spec = cli.spec()
    spec.write_text(spec.read_text().replace("./code", "./cod"))
    assert "did you mean" in refused(cli, "run", status=2)
    spec.write_text(spec.read_text().replace("./cod", "./baton.yaml"))
    assert "is not a directory" in refused(cli, "run", status=2)
    assert no_job(cli)


def test_a_code_directory_of_50_gb(cli):
    cli.spec()
    big = cli.dir / "code" / "weights.bin"
    big.touch()
    os.truncate(big, 50 << 30)
    said = refused(cli, "run")
    assert "50" in said and "code" in said
    assert no_job(cli)


def test_a_symlink_in_the_code_that_points_outside(cli):
    cli.spec()
    (cli.dir / "code" / "link").symlink_to("/etc/passwd")
    assert "link" in refused(cli, "run")
    assert no_job(cli)


def test_results_that_cannot_be_made(cli):
    (cli.dir / "file").write_text("mine")
    cli.spec(extra="results: ./file/results")
    assert "is not a directory" in refused(cli, "run", status=2)
    assert (cli.dir / "file").read_text() == "mine" and no_job(cli)


def test_a_secret_that_is_not_set(cli):
    cli.spec(extra="secrets: [A_TOKEN]")
    assert "secret A_TOKEN is not set" in refused(cli, "run", status=2)
    assert no_job(cli)


def test_results_that_may_not_be_written_are_one_sentence(cli):
    (cli.dir / "locked").mkdir()
    cli.spec(extra="results: ./locked/results")
    inside = f"mount -t tmpfs -o ro none {cli.dir}/locked && exec {cli.binary} run"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", inside], cwd=cli.dir, env=cli.env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and f"baton: results: cannot write to {cli.dir}/locked" in done.stderr, done.stderr
    assert no_job(cli)


def test_a_config_file_is_called_one(cli):
    config = cli.dir / "config" / "baton" / "config.yaml"
    config.parent.mkdir(parents=True)
    for text, said in (("- a\n", ":1:1: the config file is a list"), ("stor: /x\n", "did you mean \"store\"?"),
                       ("zzz: 1\n", "a config file takes store, data_cache"),
                       ("store: ~/x\n", ':1:8: store is "~/x", and only a shell knows what ~ stands for; write the directory out')):
        config.write_text(text)
        assert said in refused(cli, "ps", env=dict(cli.env, XDG_CONFIG_HOME=str(cli.dir / "config")))


@pytest.mark.parametrize("url", ["https://h/p?sp=rwdl&sig=TOPSECRET", "https://me:TOPSECRET@h/p", "s3://me:TOPSECRET@b/p",
                                 "s3://b/p?X-Amz-Signature=TOPSECRET", "s3://b/p?endpoint=https://h/?sig=TOPSECRET",
                                 "gs://b/p?access_token=TOPSECRET", "az://account/container/p?sv=1&sig=TOPSECRET"])
def test_a_url_with_a_secret_in_it_is_refused_and_not_repeated(cli, url):
    def is_mute(*words, status=1, said=("credentials come from the environment", "is a secret"), **options):
        done = cli(*words, check=status, **options)
        assert any(part in done.stderr for part in said) and done.stderr.count("\n") <= 2, (words, done.stderr)
        assert "TOPSECRET" not in done.stdout + done.stderr, (words, done.stderr)

    cli.spec()
    for words in (["ps", "--store", url], ["run", "--store", url], ["store", "check", url], ["store", "check", "--store", url],
                  ["store", "copy", url, "there"], ["store", "copy", "there", url], ["doctor", "--store", url]):
        is_mute(*words)
    is_mute("ps", url, status=2, said=["does not know what to do with a URL"])
    for words in (["ps"], ["run"], ["doctor"], ["doctor", "--json"], ["store", "check"], ["submit"]):
        is_mute(*words, env=dict(cli.env, BATON_STORE=url))
    for key, value in (("results", url), ("data", f"{{/d: '{url}'}}")):
        is_mute("run", cli.spec(extra=f"{key}: {value}"), status=2)
    cli.spec()
    for override in (f"results={url}", f"data./d={url}", f"data={{/d: '{url}'}}"):
        is_mute("run", "--set", override, status=2)
    config = cli.dir / "config" / "baton" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"store: {url}\n")
    is_mute("ps", env=dict(cli.env, XDG_CONFIG_HOME=str(cli.dir / "config")))
    assert not (cli.dir / "home").exists()
    for file in cli.dir.rglob("*"):
        assert file in (config, cli.dir / "baton.yaml") or not file.is_file() or "TOPSECRET" not in file.read_text()


def test_a_store_that_is_a_file(cli):
    cli.spec()
    (cli.dir / "file").write_text("mine")
    refused(cli, "run", "--store", cli.dir / "file")
    assert (cli.dir / "file").read_text() == "mine"


def test_a_store_that_cannot_be_written(cli):
    cli.spec()
    refused(cli, "run", "--store", "/proc/store")


def test_a_store_of_a_newer_version(cli):
    cli.spec()
    cli("run")
    mark = cli.dir / "home" / "store" / "baton.json"
    newer = dict(json.loads(mark.read_text()), format=99)
    mark.chmod(0o600)
    mark.write_text(json.dumps(newer))
    for words in (["run"], ["ps"], ["show", "latest"], ["store", "gc"], ["rm", "latest"]):
        assert "newer" in refused(cli, *words)
    assert json.loads(mark.read_text()) == newer


def test_a_spec_with_mistakes_names_line_and_key(cli):
    spec = cli.spec()
    spec.write_text("name: a\nimage: host\ncomand: true\n")
    done = cli("run", check=2)
    assert "baton.yaml:3:1" in done.stderr and "did you mean" in done.stderr and "command" in done.stderr
    assert not (cli.dir / "home").exists()


@pytest.mark.parametrize("extra", ["image: ubuntu:22.04", "image: {dockerfile: Dockerfile}"])
def test_what_is_not_there_yet_is_refused_by_name(cli, extra):
    spec = cli.spec()
    key = extra.split(":")[0]
    lines = [line for line in spec.read_text().splitlines() if not line.startswith(key)]
    spec.write_text("\n".join([*lines, extra]) + "\n")
    assert "not supported yet" in cli("run", check=2).stderr


def test_an_unknown_parameter_in_the_command(cli):
    spec = cli.spec(extra="params: {rate: 1}")
    spec.write_text(spec.read_text().replace("command: [sh, run.sh]", "command: echo ${rat}"))
    assert "rate" in cli("run", check=2).stderr


def test_file_names_that_are_not_utf8_come_back(cli):
    cli.spec('printf x > "$BATON_RESULTS_DIR/$(printf \'a\\377b\')"')
    cli("run")
    there = os.listdir(os.fsencode(cli.dir / "results" / cli.show()["id"]))
    assert b"a\xffb" in there
    listing = json.loads(cli("results", "latest", "--list", "--json").stdout)
    assert any("\\xff" in f["path"] for f in listing["files"])


def test_init_writes_a_spec_and_never_over_one(cli):
    (cli.dir / "train.py").write_text("print('trained')\n")
    cli("init")
    written = (cli.dir / "baton.yaml").read_text()
    assert "train.py" in written
    said = cli("init", check=1).stderr
    assert "already" in said
    assert (cli.dir / "baton.yaml").read_text() == written


def test_interrupting_the_submission_leaves_no_running_job(cli):
    cli.spec("sleep 100")
    run = cli.start("run")
    cli.wait(lambda: cli.json("ps"), "the job")
    run.send_signal(signal.SIGINT)
    run.wait(60)
    assert all(job["state"] != "running" for job in cli.json("ps"))
    leftovers = subprocess.run(["pgrep", "-f", str(cli.dir)], capture_output=True, text=True, check=False).stdout
    assert leftovers == ""
