"""`fetch` with a registry that lies, breaks off, refuses or is not there yet."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from pintle_runtime import fetch, retry, revision
from pintle_runtime.fetch import download, listing
from pintle_runtime.fetch.source import Entry
from pintle_runtime.termination import Reason, Refused
from tests.unit.runtime.scripted_server import Reply, Script, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.runtime.conftest import Pod

MODEL = {"MLmodel": b"flavors: {}\n", "model.pkl": b"12345"}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real waits, shortened: the length of a wait is tested in test_retry.py."""
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(retry, "LONGEST_SECONDS", 0.002)


def file(path: str, size: int | None = 1, **more: object) -> dict[str, Any]:
    return {"path": path, "is_dir": False, "file_size": size} | more


def folder(path: str) -> dict[str, Any]:
    return {"path": path, "is_dir": True}


def refusal(pod: Pod, script: Script) -> Refused:
    with serve(script) as uri:
        pod.connect(uri)
        with pytest.raises(Refused) as caught:
            fetch.run(pod.mounts)
    return caught.value


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([file("../escape")], "not a plain name"),
        ([file("..")], "not a plain name"),
        ([folder("..")], "not a plain name"),
        ([file(".")], "not a plain name"),
        ([file("")], "not a plain name"),
        ([file("/etc/passwd")], "not a plain name"),
        ([file("a/b")], "not a plain name"),
        ([file("a\\b")], "not a plain name"),
        ([file("a\0b")], "cannot be seen"),
        ([file("a\nb")], "cannot be seen"),
        ([file("a\u202eb")], "cannot be seen"),
        ([file("x" * 256)], "longer than 255 bytes"),
        ([file("ü" * 128)], "longer than 255 bytes"),
        ([file("MLmodel"), file("MLmodel")], "there twice"),
        ([file("MLmodel"), folder("MLmodel")], "there twice"),
        ([file("MLmodel", -1)], "below zero"),
        ([file("MLmodel"), file("big", (1 << 30) + 1)], f"more than {1 << 30} bytes"),
        ([file("MLmodel", 1 << 29), file("a", 1 << 29), file("b", 1)], f"more than {1 << 30} bytes"),
        ([file(f"f{n}") for n in range(listing.MAX_FILES + 1)], "more than 10000 files"),
        ([folder(f"d{n}") for n in range(listing.MAX_FOLDERS + 1)], "more than 1000 folders"),
    ],
)
def test_refuses_a_listing_before_anything_is_written(
    pod: Pod, files: list[dict[str, Any]], words: str
) -> None:
    script = Script(listings={"": files})
    refused = refusal(pod, script)
    assert refused.reason is Reason.UNSAFE_ARTIFACT
    assert words in refused.message
    assert not list(pod.mounts.model.iterdir())
    assert all("artifacts?path=" in path for path in script.paths), "a file was asked for"


def test_refuses_folders_without_end(pod: Pod) -> None:
    script = Script(
        listings={"/".join(["d"] * depth): [folder("d")] for depth in range(1, 40)} | {"": [folder("d")]}
    )
    assert "more than 16 levels" in refusal(pod, script).message


def test_refuses_a_model_without_mlmodel(pod: Pod) -> None:
    refused = refusal(pod, Script().hold(**{"model.pkl": b"x"}))
    assert (refused.reason, "no MLmodel file" in refused.message) == (Reason.FETCH_FAILED, True)


def test_refuses_more_bytes_than_allowed_where_sizes_are_not_listed(pod: Pod) -> None:
    script = Script().hold(MLmodel=b"x" * 600, more=b"y" * 600)
    script.listings[""] = [file("MLmodel", None), file("more", None)]
    pod.revise(maxArtifactBytes=1000)
    assert refusal(pod, script).reason is Reason.UNSAFE_ARTIFACT
    assert not (pod.mounts.model / "MLmodel").exists()


@pytest.mark.parametrize("size", [4, 6])
def test_gives_up_when_sizes_never_agree(pod: Pod, size: int) -> None:
    script = Script().hold(**MODEL)
    script.listings[""] = [file("MLmodel", len(MODEL["MLmodel"])), file("model.pkl", size)]
    refused = refusal(pod, script)
    assert (refused.reason, "kept changing" in refused.message) == (Reason.FETCH_FAILED, True)


def test_begins_again_when_a_listed_file_is_gone(pod: Pod) -> None:
    gone = Reply(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "gone"}')
    script = Script(faults=[None, gone]).hold(**MODEL)
    with serve(script) as uri:
        pod.connect(uri)
        fetch.run(pod.mounts)
    assert sum("artifacts?path=" in path for path in script.paths) == 2
    assert pod.said()["contentDigest"].startswith("sha256:")


PASSING = {
    "500": Reply(500, b"oops"),
    "502": Reply(502, b"<html>bad gateway</html>"),
    "503": Reply(503, b"no backend"),
    "429": Reply(429, b"slow down", {"Retry-After": "0"}),
    "401": Reply(401, b"<html>who are you</html>"),
    "403": Reply(403, b"Permission denied"),
    "another host header": Reply(403, b"Invalid Host header - possible DNS rebinding attack detected"),
    "a 404 that is not MLflow's": Reply(404, b"default backend - 404"),
    "a 400 that is not MLflow's": Reply(400, b"<html>plain HTTP sent to an HTTPS port</html>"),
    "a redirect": Reply(302, b"", {"Location": "https://login.example/"}),
    "a login page": Reply(200, b"<html>please log in</html>", {"Content-Type": "text/html"}),
    "JSON of something else": Reply(200, b'["hello"]'),
    "files that are none": Reply(200, b'{"files": "none"}'),
    "a broken listing": Reply(200, b'{"files": [', promised=100),
    "nothing": Reply(200, b"", promised=10),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_waits_for_what_may_pass_while_listing(pod: Pod, fault: Reply) -> None:
    script = Script(faults=[fault, fault]).hold(**MODEL)
    with serve(script) as uri:
        pod.connect(uri)
        fetch.run(pod.mounts)
    assert pod.said()["example"] is False
    assert (pod.mounts.model / "model.pkl").read_bytes() == b"12345"


@pytest.mark.parametrize(
    "fault",
    [
        Reply(503, b"no"),
        Reply(403, b"no"),
        Reply(200, b"fla", promised=12),
        Reply(404, b"default backend - 404"),
    ],
)
def test_waits_for_what_may_pass_in_the_middle_of_a_file(pod: Pod, fault: Reply) -> None:
    script = Script(faults=[None, fault, fault]).hold(**MODEL)
    with serve(script) as uri:
        pod.connect(uri)
        fetch.run(pod.mounts)
    assert (pod.mounts.model / "MLmodel").read_bytes() == MODEL["MLmodel"]


@pytest.mark.parametrize("status", [404, 400])
def test_mlflows_own_refusal_of_the_folder_is_final(pod: Pod, status: int) -> None:
    body = b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid path"}'
    assert refusal(pod, Script(faults=[Reply(status, body)])).reason is Reason.FETCH_FAILED


def test_waits_for_the_registrys_address_and_for_the_registry(pod: Pod) -> None:
    with serve(Script().hold(**MODEL)) as uri:
        waits: list[float] = []

        def connect_later(seconds: float) -> None:
            waits.append(seconds)
            pod.connect("http://127.0.0.1:9" if len(waits) == 1 else uri)

        pinned = revision.read(pod.mounts.revision)
        digest = retry.until_done(
            lambda: fetch._attempt(pod.mounts, pinned), what="fetch", sleep=connect_later
        )
    assert len(waits) == 2
    assert digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("secret", "header"),
    [
        ({}, None),
        ({"token": "t0ken\n"}, "Bearer t0ken"),
        ({"username": "ü", "password": "p:w"}, f"Basic {base64.b64encode('ü:p:w'.encode()).decode()}"),
        ({"username": "u", "password": "p", "token": "t"}, f"Basic {base64.b64encode(b'u:p').decode()}"),
        ({"username": "u"}, None),
    ],
)
def test_sends_what_the_secret_holds(
    pod: Pod, secret: dict[str, str], header: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script(faults=[Reply(401, b"no")]).hold(**MODEL)
    with serve(script) as uri:
        pod.connect(uri, **secret)
        fetch.run(pod.mounts)
    assert set(script.authorizations) == {header}
    printed = capsys.readouterr()
    for value in secret.values():
        assert len(value) < 4 or value.strip() not in printed.out + printed.err


def test_credentials_that_are_corrected_in_the_middle_are_taken(pod: Pod) -> None:
    """They may list, and not read: the Secret is looked at again for each file that is refused."""

    class Strict(Script):
        @override
        def reply(self, target: str) -> Reply:
            if "?path=" not in target and self.authorizations[-1] == "Bearer old":
                (pod.mounts.credentials / "token").write_text("new")
                return Reply(403, b"no")
            return super().reply(target)

    script = Strict().hold(**MODEL)
    with serve(script) as uri:
        pod.connect(uri, token="old")
        fetch.run(pod.mounts)
    assert script.authorizations == ["Bearer old", "Bearer old", *["Bearer new"] * len(MODEL)]


def test_credentials_do_not_follow_a_redirect(pod: Pod) -> None:
    with serve(Script()) as elsewhere:
        script = Script(faults=[Reply(302, b"", {"Location": f"{elsewhere}/steal"})]).hold(**MODEL)
        with serve(script) as uri:
            pod.connect(uri, token="t0ken")
            fetch.run(pod.mounts)
    assert len(script.paths) == 4


def test_nothing_is_left_that_looks_whole_when_it_ends_in_the_middle(pod: Pod) -> None:
    class Killed(BaseException):
        pass

    class Source:
        def entries(self, folder: str) -> list[Entry]:
            return [Entry(name, False, len(body)) for name, body in MODEL.items()] if not folder else []

        def renew(self) -> None: ...

        def content(self, path: str) -> Iterator[bytes]:
            if path == "model.pkl":
                raise Killed
            yield MODEL[path]

    with pytest.raises(Killed):
        download.fetch(Source(), pod.mounts.model, max_bytes=1000)
    assert [path.name for path in pod.mounts.model.iterdir()] == [download.INCOMING]


PLANTED = {
    "username": "planted-user",
    "password": 'planted-"pass\u00fc',
    "AWS_SECRET_ACCESS_KEY": "planted-aws",
}


@pytest.mark.parametrize("where", ["an error", "a header", "a kind of content", "a file's name"])
def test_a_registry_that_repeats_credentials_has_them_in_no_log_and_no_message(pod: Pod, where: str) -> None:
    """It knows them, as it was sent them; whoever reads pods' logs and statuses does not."""
    basic = base64.b64encode(f"{PLANTED['username']}:{PLANTED['password']}".encode()).decode()
    words = f"{basic} {PLANTED['password']} {PLANTED['AWS_SECRET_ACCESS_KEY']} and more"
    plain = f"{basic} {PLANTED['AWS_SECRET_ACCESS_KEY']}"
    script = Script().hold(**MODEL)
    answers: dict[str, list[Reply | None]] = {
        "an error": [Reply(500, words.encode()), Reply(401, words.encode())],
        "a header": [Reply(302, b"", {"Location": f"https://host/{plain}"})],
        "a kind of content": [Reply(200, b"?", {"Content-Type": plain})],
        "a file's name": [],
    }
    script.faults = answers[where]
    if where == "a file's name":
        script.listings[""] = [file(f"../{words}")]
    with serve(script) as uri:
        pod.connect(uri, **PLANTED)
        ended = pod.run("fetch")
    told = json.dumps([ended.said, ended.log], ensure_ascii=False) + json.dumps([ended.said, ended.log])
    escaped = json.dumps(PLANTED["password"], ensure_ascii=False)[1:-1]
    for needle in (basic, PLANTED["password"], escaped, PLANTED["AWS_SECRET_ACCESS_KEY"]):
        assert needle not in told
    # The control: the rest of the registry's words is told, and it was sent what was planted.
    assert "***" in told
    assert ended.code == (12 if where == "a file's name" else 0)
    assert set(script.authorizations) == {f"Basic {basic}"}
