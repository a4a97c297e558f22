"""On a real machine of its own: cgroup version 2 with all its controllers, as root and as an ordinary user, and a power cut."""
import json
import shutil

import pytest

from virtual_machine import VirtualMachine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("virtual machine")]

SPEC = """name: {name}
image: host
code: {directory}/code
command: {command}
results: {directory}/results
resources: {resources}
{extra}
"""


def job(name, command, resources="{}", extra="", directory="/root"):
    """Shell lines that write a spec, run it, and print what `baton show` knows of it."""
    spec = SPEC.format(name=name, command=json.dumps(command), resources=resources, extra=extra, directory=directory)
    return f"""
mkdir -p {directory}/code
cat > {directory}/{name}.yaml <<'END'
{spec}END
baton run {directory}/{name}.yaml; echo "status of {name}: $?"
echo "<<{name}"; baton show {name} --json; echo "{name}>>"
"""


def shown(text, name):
    return json.loads(text.split(f"<<{name}\n")[1].split(f"{name}>>")[0])


LIMITS = "for f in memory.max memory.swap.max cpu.max pids.max; do echo $f $(cat /sys/fs/cgroup/$f); done"
# One buffer of that size, every page of it touched.
BUFFER = "dd if=/dev/zero of=/dev/null bs={}M count=1"
USER = "/home/user"
AS_USER = (job("user-limits", LIMITS, "{memory: 64M, cpus: 0.5}", directory=USER) +
           job("user-oom", BUFFER.format(200), "{memory: 64M}", directory=USER))

FIRST_BOOT = f"""
{job("limits", LIMITS, "{memory: 64M, cpus: 0.5}")}
{job("oom", BUFFER.format(200), "{memory: 64M}")}
{job("peak", BUFFER.format(40), "{memory: 128M}")}
baton doctor

# What systemd gives to a user: a subtree of one's own, and a scope in it to run in.
cd /sys/fs/cgroup
echo "+memory +cpu +pids" > cgroup.subtree_control
mkdir -p user@1000/app/scope
echo "+memory +cpu +pids" > user@1000/cgroup.subtree_control
chown -R user user@1000 {USER}
chmod 666 /dev/null
cat > /tmp/user.sh <<'SCRIPT'
cd
id
{AS_USER}
SCRIPT
sh -c 'echo $$ > /sys/fs/cgroup/user@1000/app/scope/cgroup.procs; exec su user -c "sh /tmp/user.sh"'
find /sys/fs/cgroup -name "baton-*" | sed "s/^/left: /"

# A job in the middle, with a commit behind it; then the power goes.
cd /root
cat > /root/code/half.sh <<'END'
[ ! -e "$BATON_CHECKPOINT_DIR/half" ] || {{ echo "going on in attempt $BATON_ATTEMPT"; exit 0; }}
echo half > "$BATON_CHECKPOINT_DIR/half"; baton commit; echo committed
while :; do sleep 1; done
END
cat > half.yaml <<'END'
{SPEC.format(name="half", command="sh half.sh", resources="{}", directory="/root", extra="")}END
baton submit half.yaml
until baton logs half | grep -q committed; do sleep 0.1; done
echo "== cut"
echo b > /proc/sysrq-trigger
"""

SECOND_BOOT = """
cd /root
baton ps
ls .local/share/baton/run | grep -v log$ | sed "s/^/before: /"
baton resume half; echo "status of half: $?"
echo "<<half"; baton show half --json; echo "half>>"
ls .local/share/baton/run | grep -v log$ | sed "s/^/after: /"
baton logs half
baton store check; echo "status of check: $?"
"""


@pytest.fixture(scope="module")
def boots(baton_bin, tmp_path_factory):
    """What the first boot printed, and what the second one did after the power cut."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("qemu-system-x86 is not installed")
    machine = VirtualMachine(tmp_path_factory.mktemp("machine"), baton_bin)
    first = machine.boot(FIRST_BOOT)
    assert "== cut" in first and "== end" not in first, first
    return first, machine.boot(SECOND_BOOT)


@pytest.mark.parametrize("name", ["limits", "user-limits"])
def test_limits_reach_the_kernel(boots, name):
    text = boots[0].split(f"status of {name}: ")[0].rsplit("baton: job", 2)[-2]
    for line in ("memory.max 67108864", "memory.swap.max 0", "cpu.max 50000 100000", "pids.max 16384"):
        assert line in text, text
    assert f"status of {name}: 0" in boots[0]
    assert "not enforced" not in boots[0]


@pytest.mark.parametrize("name", ["oom", "user-oom"])
def test_too_much_memory_is_reported_as_that(boots, name):
    attempt = shown(boots[0], name)["attempts"][0]
    assert attempt["outcome"] == "oom", boots[0]
    assert "64 MiB" in attempt["reason"]
    assert f"status of {name}: 137" in boots[0]


def test_peak_memory_is_measured(boots):
    peak = shown(boots[0], "peak")["attempts"][0]["peak_memory"]
    assert 40 << 20 <= peak < 128 << 20


def test_the_doctor_knows_what_works(boots):
    assert "cgroup version 2, memory works, cpu works, pids works" in boots[0]


def test_no_control_group_is_left(boots):
    assert "left: " not in boots[0]


def test_a_job_goes_on_after_a_power_cut(boots):
    text = boots[1]
    assert "going on in attempt 2" in text and "status of half: 0" in text, text
    assert "has not ended" not in text and "may still be alive" not in text, "the reboot is seen at once"
    half = shown(text, "half")
    assert half["state"] == "succeeded" and [one["outcome"] for one in half["attempts"]] == ["lost", "succeeded"]
    assert "before: " in text and "after: " not in text, "what the dead agent left is gone"
    assert "status of check: 0" in text
