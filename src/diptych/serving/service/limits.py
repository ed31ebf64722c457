"""What a service accepts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Beyond these a request gets one sentence and nothing is decoded."""

    bytes: int = 20 * 2**20
    """Of a request's body."""
    pixels: int = 16_000_000
    """Of a picture, read off its header, and of its counterpart."""
    bytes_at_once: int = 256 * 2**20
    """Of all bodies that are held at once; past it: 503 with Retry-After."""
    upload_seconds: float = 20.0
    """In which a body must have come."""
    seconds: float = 60.0
    """In which a translation must be done, the time in the queue included."""
    queue: int = 32
    """Pictures that wait for one translator; past it: 503 with Retry-After."""
    refusal_seconds: float = 0.25
    """How long one who must come again is kept: whoever ignores Retry-After would take the processor that pictures need."""
    large: int = 2**20
    """Pixels, of a picture, of what the network sees or of its counterpart, beyond which it is no longer a small one."""
    pixels_at_once: int = 64_000_000
    """Of all small pictures in hand, and of all large ones, of which those that wait are not decoded; past it: 503."""
    memory: float = float("inf")
    """Bytes that translating one picture may take; infinite: half of what is free."""
    connections: int = 256
    """Pictures in hand at once, those that are still on their way included."""
    batch: int = 8
    """Pictures of equal size translated at once."""
    batch_pixels: int = 2_000_000
    """Of a batch: large pictures fill the processor alone, and together only its memory."""
    gather_seconds: float = 0.004
    """How long the first picture of a batch waits for others."""
    keep_alive_seconds: float = 75.0
    """How long a connection on which nothing is said stays open; load balancers expect more than 60."""
    header_seconds: float = 10.0
    """In which a request's head must have come, once it began."""
    linger_seconds: float = 3.0
    """How long what still comes of a refused body is thrown away before the connection is closed."""
    answer_seconds: float = 60.0
    """In which a client must have taken its answer."""
    sockets: int = 512
    """Open connections; a further one takes the place of the one on which the service has waited longest."""
