"""The watches that tests see by go on where the API server has ended them, and miss and repeat nothing."""

import urllib3
from kubernetes import client
from typing_extensions import override

from pintle.domain.resources import CONFIG_MAPS
from tests.support.rest import Rest
from tests.support.waiting import until
from tests.support.watching import Watch, watching


def test_it_goes_on_after_its_end(rest: Rest, api_client: client.ApiClient, namespace: str) -> None:
    """The API server ends it every second."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    rest.ok("POST", path, {"metadata": {"name": "one"}})
    ends: list[str] = []

    class Ending(Watch):
        @override
        def _take(self, response: urllib3.BaseHTTPResponse) -> None:
            super()._take(response)
            ends.append(self._seen)

    with watching(api_client, CONFIG_MAPS, namespace, kind=Ending, timeoutSeconds="1") as watch:
        until(lambda: len(ends) >= 2, within=30, what="it was ended twice")
        rest.ok("POST", path, {"metadata": {"name": "two"}})
        ended = len(ends)
        until(lambda: len(ends) > ended + 1, within=30, what="it was ended again")
        rest.ok("DELETE", f"{path}/two")
        watch.first(lambda found: found["metadata"]["name"] == "two", within=10, what="two was there")
        until(lambda: watch.of("two")[-1].type == "DELETED", within=10, what="two was seen to go")
        mine = [c for c in watch.so_far() if c.object["metadata"]["name"] in ("one", "two")]
        assert [(c.type, c.object["metadata"]["name"]) for c in mine] == [
            ("ADDED", "one"),
            ("ADDED", "two"),
            ("DELETED", "two"),
        ]
