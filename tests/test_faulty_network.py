"""A job whose store is behind a network, or a service, that does everything wrong: it ends as it should."""
import json
import random

import pytest

from data_places import az_cloud, cloud, gcs, gs_cloud, place, s3, server  # noqa: F401  (fixtures)
from fault_proxy import FaultProxy, xml_errors
from test_gcs import json_errors

KINDS = ["reset_request:0", "reset_request:1", "reset_request:1000", "reset_request:middle", "reset_request:last",
         "reset_reply:0", "reset_reply:1", "reset_reply:40", "reset_reply:300", "truncate:0", "truncate:200", "truncate:1000",
         "lost", "duplicate", "drip", "drip:200", "corrupt", "500", "500:1", "503", "503:1", "503:date", "429", "429:1"]
OWN_KINDS = {"s3": ["SlowDown:503", "RequestTimeout", "ExpiredToken"],
             "gs": ["Conflict:409", "RateLimitExceeded:403", "UploadBrokenConnection:400"],
             "az": ["ServerBusy:503", "OperationTimedOut:500", "InvalidAuthenticationInfo:401"]}
READS = {"s3": lambda path: "list-type" not in path, "gs": lambda path: "alt=media" in path, "az": lambda path: "comp=list" not in path}
LARGE = 1 << 20


class Dealer:
    """A plan that deals each kind of fault once, in an order of the seed's, to half of the requests until none is left. What suits
    few requests is dealt as soon as one comes; and the same request fails twice in a row at most, so that none is given up."""

    def __init__(self, seed, kinds, is_read):
        self.dice, self.left, self.is_read, self.row = random.Random(seed), list(kinds), is_read, {}
        self.dice.shuffle(self.left)

    @staticmethod
    def is_picky(kind):
        """Whether it suits some requests only."""
        return kind == "corrupt" or (kind.startswith("reset_request:") and kind != "reset_request:0")

    def suits(self, kind, method, path, size):
        if not self.is_picky(kind):
            return True
        if kind == "corrupt":  # no service has a checksum of its listings
            return method == "GET" and self.is_read(path)
        amount = kind.partition(":")[2]
        return size > (LARGE if amount.isalpha() else int(amount))

    def __call__(self, _number, method, path, headers):
        size, request = int(headers.get("Content-Length") or 0), (method, path)
        suited = [kind for kind in self.left if self.suits(kind, method, path, size)]
        suited.sort(key=self.is_picky, reverse=True)  # stable
        fault = None
        if suited and self.row.get(request, 0) < 2 and (self.is_picky(suited[0]) or self.dice.random() < 0.5):
            fault = suited[0]
            self.left.remove(fault)
        self.row[request] = self.row.get(request, 0) + 1 if fault else 0
        return fault


PROGRAM = """
for n in 1 2 3; do
  head -c 5000000 /dev/urandom > $BATON_CHECKPOINT_DIR/weights$n
  echo result $n >> $BATON_RESULTS_DIR/out.txt
  echo "{\\"step\\": $n, \\"loss\\": 0.5}" >> $BATON_METRICS_FILE
  echo said $n
  /baton/bin/baton commit > /dev/null || exit 9
done
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_job_behind_a_faulty_network(place, seed):
    """Every kind of fault: nothing is lost, nothing is there twice, and nobody has to begin again."""
    cli, cloud_kind = place.cli, place.root.split("://")[0]
    kinds = KINDS + OWN_KINDS[cloud_kind]
    errors = json_errors if cloud_kind == "gs" else xml_errors
    with FaultProxy(place.url, Dealer(seed, kinds, READS[cloud_kind]), errors=errors) as proxy:
        cli("run", cli.spec(PROGRAM), env={**cli.env, **place.endpoint(proxy.url)})
        dealt = dict(proxy.faults)
    assert dealt == {kind: 1 for kind in kinds}, set(kinds) - set(dealt)
    shown = cli.show()
    assert shown["state"] == "succeeded" and len(shown["attempts"]) == 1, shown
    assert cli("logs", "latest").stdout == "said 1\nsaid 2\nsaid 3\n"
    rows = [json.loads(line) for line in cli("metrics", "latest", "--json").stdout.splitlines()]
    assert [row["step"] for row in rows if "step" in row] == [1, 2, 3]
    cli("results", shown["id"], "--to", cli.dir / "fetched")
    assert (cli.dir / "fetched" / "out.txt").read_text() == "result 1\nresult 2\nresult 3\n"
    assert cli.json("store", "check")["damaged"] == 0
