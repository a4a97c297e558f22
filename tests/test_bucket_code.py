"""Code snapshots in the store's bucket: what is damaged on its way is read again. In each of the three clouds."""
import urllib.parse

import pytest

from data_places import az_cloud, cloud, gcs, gs_cloud, place, s3, server  # noqa: F401  (fixtures)


@pytest.mark.parametrize("damaged", [[1], [2], [2, 3]])
def test_damage_on_the_way_is_read_again(place, damaged):
    """The second of the ranges in which it is read, its manifest; the third, its contents; and these twice."""
    reads = []

    def plan(_number, method, path, _headers):
        path, _, query = path.partition("?")
        if method != "GET" or "/code/" not in urllib.parse.unquote(path) or not place.reads(query):
            return None
        reads.append(path)
        return "corrupt" if len(reads) - 1 in damaged else None

    spec = place.cli.spec("sha256sum < run.sh > $BATON_RESULTS_DIR/sum # " + "x" * 1000)
    (spec.parent / "code" / "noise").write_bytes(bytes(range(256)) * 64)
    with place.through(plan) as proxy:
        place.cli("run", spec)
        assert proxy.seen.get("corrupt", 0) >= 1, reads
    shown = place.cli.show()
    assert shown["state"] == "succeeded" and len(shown["attempts"]) == 1
    assert len(reads) > 3  # what was damaged came once more
