"""From folders of pictures to streams of batches."""

from diptych.data.datasets import FolderSplits, open_dataset
from diptych.data.pictures import Dataset, Splits
from diptych.data.settings import DataSettings
from diptych.data.stream import stream

__all__ = ["DataSettings", "Dataset", "FolderSplits", "Splits", "open_dataset", "stream"]
