"""An iterator that is walked in a thread of its own, a bounded number of items ahead."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item], count: int) -> Generator[Item]:
    """The items, of which up to ``count`` are made before they are asked for.

    What the iterator raises is raised here, in its place. Closed early, the thread ends with the item that it is making.
    """
    made: queue.Queue[Item | BaseException | None] = queue.Queue(count)
    stopped = threading.Event()

    def put(item: Item | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                made.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def walk() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as problem:
            put(problem)
        else:
            put(None)

    thread = threading.Thread(target=walk, name="ahead", daemon=True)
    thread.start()
    try:
        while (item := made.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()
