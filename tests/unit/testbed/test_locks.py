"""Locks between runs."""

import threading
from pathlib import Path

from testbed.locks import locked


def test_a_second_run_waits_and_says_so(tmp_path: Path) -> None:
    waiting, order = threading.Event(), []

    def second() -> None:
        with locked(tmp_path / "lock", waiting.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with locked(tmp_path / "lock"):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_lock_file_that_its_holder_removed_is_made_again(tmp_path: Path) -> None:
    path, waiting, done = tmp_path / "lock", threading.Event(), threading.Event()

    def second() -> None:
        with locked(path, waiting.set):
            assert path.exists()
            done.set()

    thread = threading.Thread(target=second)
    with locked(path):
        thread.start()
        assert waiting.wait(10)
        path.unlink()
    thread.join(10)
    assert done.is_set()
