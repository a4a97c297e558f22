"""baton store check of a bucket: who one is there, and what is forbidden told from what did not go."""
import json

import pytest

from data_places import az_cloud, cloud, gcs, gs_cloud, place, s3, server  # noqa: F401  (fixtures)
from fault_proxy import FaultProxy, xml_errors
from test_gcs import json_errors

WHO = {"s3": "the environment", "gs": "nobody (requests are anonymous)", "az": "AZURE_STORAGE_KEY"}
DENIAL = {"s3": "AccessDenied:403", "gs": "Forbidden:403", "az": "AuthorizationPermissionMismatch:403"}
GIVING_UP = {("s3", "remove"), ("gs", "list")}  # what an upload in parts that is given up takes (Google: to find its parts)
LISTS = {"s3": "list-type=2", "gs": "/o?", "az": "comp=list"}


def kind(place):
    return place.root.split("://")[0]


def doing(place, method, path):
    """What a request does."""
    if method in ("PUT", "POST"):
        return "write"
    if method == "DELETE":
        return "remove"
    return "list" if LISTS[kind(place)] in path and "alt=media" not in path else "read"


def url(place):
    return f"{place.root}/{place.cli.prefix}"


def check(place, plan, status=1):
    """The report of a store check, and what it said, behind a proxy with that plan for (what is done, path)."""
    errors = json_errors if kind(place) == "gs" else xml_errors
    with FaultProxy(place.url, lambda _n, method, path, _h: plan(doing(place, method, path), path), errors=errors) as proxy:
        env = {**place.cli.env, **place.endpoint(proxy.url)}
        env.pop("BATON_STORE")
        done = place.cli("store", "check", url(place), "--json", env=env, check=status)
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("denied", ["list", "read", "write", "remove"])
def test_what_is_denied_is_named_and_nothing_else(place, denied):
    place.cli("run", place.cli.spec())
    report, said = check(place, lambda what, _path: DENIAL[kind(place)] if what == denied else None)
    missing = [f"{denied} objects"]
    if (kind(place), denied) in GIVING_UP:
        missing.append("give up an upload in parts")
    access = report["access"]
    assert [one["what"] for one in access["may_not"]] == missing and access["could_not"] == []
    assert all(one["why"] and "docs/buckets.md" in one["fix"] for one in access["may_not"])
    assert WHO[kind(place)] in access["credentials"] and report["damaged"] is None and report["findings"] == []
    assert said.count("may not ") == len(missing) and all(f"may not {one}: " in said for one in missing)


def test_a_lost_reply_is_no_missing_permission(place):
    """The first write takes effect, and the retry finds its own object."""
    place.cli("run", place.cli.spec())
    lost = []

    def plan(what, path):
        if what != "write" or lost:
            return None
        lost.append(path)
        return "lost"

    report, said = check(place, plan, status=0)
    assert lost and report["access"]["may_not"] == [] and report["access"]["could_not"] == [] and report["damaged"] == 0
    assert "may not" not in said and "could not" not in said


def test_a_service_that_does_not_answer_is_no_missing_permission(place):
    env = {**place.cli.env, **place.endpoint("http://127.0.0.1:1")}
    done = place.cli("store", "check", "--json", env=env, check=1)
    access = json.loads(done.stdout)["access"]
    assert access["may_not"] == [] and [one["what"] for one in access["could_not"]] == ["list objects"]
    assert "could not list objects: " in done.stderr and "Connection refused" in done.stderr and "may not" not in done.stderr


def test_the_store_is_the_argument_or_the_option(place):
    cli, there = place.cli, url(place)
    cli("run", cli.spec())
    cli.env.pop("BATON_STORE")
    for words in ([there], ["--store", there], [there, "--store", there]):
        done = cli("store", "check", *words)
        assert there.split("?")[0] in done.stderr and WHO[kind(place)] in done.stderr and "nothing is damaged" in done.stdout
    done = cli("store", "check", there, "--store", there + "-other", check=2)
    assert "URL and --store name two stores" in done.stderr and done.stdout == ""
    cli.env["BATON_STORE"] = there
