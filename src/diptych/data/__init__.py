"""From folders of pictures to streams of batches."""

from diptych.data.datasets import open_dataset
from diptych.data.pictures import Dataset
from diptych.data.settings import DataSettings
from diptych.data.stream import stream

__all__ = ["DataSettings", "Dataset", "open_dataset", "stream"]
