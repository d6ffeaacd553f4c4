"""A lock that a signal handler cannot wait for in vain."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tfl_depth.errors import DepthError
from tfl_depth.runtime.exclusive import Exclusive


@contextmanager
def held_elsewhere(exclusive: Exclusive) -> Iterator[None]:
    """Another thread is inside."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with exclusive:
            inside.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    try:
        yield
    finally:
        leave.set()
        thread.join()


def test_thread_that_is_inside_gets_an_error_and_stays_inside() -> None:
    exclusive = Exclusive()
    with exclusive:
        with pytest.raises(DepthError, match="computing already"), exclusive:
            pytest.fail("it was entered twice")
        assert exclusive.is_interrupted()
    assert not exclusive.is_interrupted()
    with exclusive:
        pass


def test_work_waits_until_this_thread_leaves() -> None:
    exclusive, done = Exclusive(), list[int]()
    with exclusive:
        exclusive.when_free(lambda: done.append(1))
        assert not done
    assert done == [1]


def test_other_thread_inside_is_no_interruption_of_this_one() -> None:
    exclusive = Exclusive()
    with held_elsewhere(exclusive):
        assert not exclusive.is_interrupted()
