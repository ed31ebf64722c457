"""What a service accepts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Beyond these a request gets one sentence and nothing is decoded."""

    bytes: int = 20 * 2**20
    """Of a request's body."""
    pixels: int = 16_000_000
    """Of a picture, read off its header."""
    upload_seconds: float = 20.0
    """In which a body must have come."""
    seconds: float = 60.0
    """In which a translation must be done, the time in the queue included."""
    queue: int = 32
    """Pictures that wait for one translator; past it: 503 with Retry-After."""
    connections: int = 256
    """Requests in hand at once, whatever they want."""
    batch: int = 8
    """Pictures of equal size translated at once."""
    gather_seconds: float = 0.004
    """How long the first picture of a batch waits for others."""
    header_seconds: float = 10.0
    """In which a request's head must have come."""
