"""A cache of decoded pictures in memory, up to a stated size; the others are decoded each time."""

import threading

from diptych.data.picture_file import File, read
from diptych.pictures.kinds import Kind, Stored

GIB = 2**30


class Cache:
    """Shared by the reading threads. Its pictures are read-only arrays."""

    def __init__(self, gib: float) -> None:
        self.room = int(gib * GIB)
        self.held: dict[tuple[File, Kind], Stored] = {}
        self.lock = threading.Lock()

    def read(self, path: File, kind: Kind) -> Stored:
        """The picture at ``path``; a DiptychError names a file that has vanished or is damaged."""
        held = self.held.get((path, kind))
        if held is not None:
            return held
        picture = read(path, kind)
        picture.flags.writeable = False
        with self.lock:
            if picture.nbytes <= self.room and (path, kind) not in self.held:
                self.held[path, kind] = picture
                self.room -= picture.nbytes
        return picture
