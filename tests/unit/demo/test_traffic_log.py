"""What the generator writes is what the driver reads."""

import io

from demo.traffic import Log, Request
from demo.traffic.generator.recorder import Recorder


def record() -> tuple[list[str], list[Request]]:
    output = io.StringIO()
    recorder = Recorder(output)
    recorder.start(1000.0)
    recorder.live("iris", 1000.5)
    recorder.connected("pooled", 1000.75)
    recorder.add("iris", 1001.0, 1001.004, "ok", version="1", revision="iris-v1-a", status=200)
    recorder.add("iris", 1001.01, 1001.013, "ok", version="1", revision="iris-v1-a", status=200)
    recorder.add("iris", 1001.02, 1001.05, "wrong", version="3", status=200, detail="NaN")
    recorder.flush()
    recorder.add("plain", 1002.0, 1002.1, "lost", detail="refused")
    recorder.skip("plain")
    recorder.end(1003.0)
    expected = [
        Request("iris", 1001.02, 1001.05, "wrong", "3", "", 200, "NaN"),
        Request("iris", 1001.0, 1001.004, "ok", "1", "iris-v1-a", 200, ""),
        Request("iris", 1001.01, 1001.013, "ok", "1", "iris-v1-a", 200, ""),
        Request("plain", 1002.0, 1002.1, "lost", "", "", 0, "refused"),
    ]
    return output.getvalue().splitlines(), expected


def rounded(requests: list[Request]) -> list[Request]:
    return [
        request._replace(began=round(request.began, 6), done=round(request.done, 6)) for request in requests
    ]


def test_a_record_is_read_as_it_was_written() -> None:
    lines, expected = record()
    log = Log()
    assert all(log.feed(line) for line in lines)
    assert rounded(log.requests) == expected
    assert log.live == {"iris": 1000.5}
    assert log.connections == [("pooled", 1000.75)]
    assert (log.ended, log.sent, log.skipped) == (True, {"iris": 3, "plain": 1}, {"plain": 1})


def test_a_follower_that_begins_again_counts_nothing_twice() -> None:
    lines, expected = record()
    log = Log()
    for line in [*lines[:3], lines[3][:20], *lines, "error: the connection was lost"]:
        log.feed(line)
    assert rounded(log.requests) == expected
    assert log.ended


def test_a_missing_line_is_not_passed_over() -> None:
    lines, _ = record()
    log = Log()
    for line in [*lines[:2], *lines[3:]]:
        log.feed(line)
    assert not log.ended
    assert log.requests == []
