"""Datasets that are given in Python: anything with ``__len__`` and ``__getitem__`` whose items are (source, target)."""

from diptych.data.given.dataset import Given, Items
from diptych.data.given.splits import GivenSplits, for_items

__all__ = ["Given", "GivenSplits", "Items", "for_items"]
