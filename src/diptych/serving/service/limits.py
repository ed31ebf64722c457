"""What a service accepts."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused with one sentence before anything is decoded, and how batches, large pictures and connections are treated."""

    bytes: int = 20 * 2**20
    """The most bytes of a request's body."""
    pixels: int = 16_000_000
    """The most pixels of a picture, by its header, and of its counterpart."""
    bytes_at_once: int = 256 * 2**20
    """The most bytes of all bodies held at once. Beyond: 503 with Retry-After."""
    upload_seconds: float = 20.0
    """How long a body may take to come."""
    seconds: float = 60.0
    """How long a translation may take, with its time in the queue."""
    queue: int = 32
    """Pictures that wait for one translator. Beyond: 503 with Retry-After."""
    refusal_seconds: float = 0.25
    """Delay of an answer 503: clients that ignore Retry-After would take the processor from pictures."""
    large_pixels: int = 2**20
    """A picture is large when it, its network size or its counterpart has more."""
    pixels_at_once: int = 64_000_000
    """The most pixels of all small pictures in progress, and again of all large ones, decoded or not. Beyond: 503."""
    memory: float = float("inf")
    """Bytes that translating one picture may take; infinite: half of what is free."""
    concurrent_pictures: int = 256
    """Requests with pictures at once, those included whose body is still coming."""
    batch: int = 8
    """Pictures of equal size translated at once."""
    batch_pixels: int = 2_000_000
    """The most pixels of a batch. One large picture already uses the whole processor; more would only take memory."""
    batch_wait_seconds: float = 0.004
    """How long the first picture of a batch waits for others."""
    keep_alive_seconds: float = 75.0
    """How long an idle connection stays open; load balancers expect more than 60."""
    header_seconds: float = 10.0
    """How long a request's head may take to come, once it began."""
    linger_seconds: float = 3.0
    """How long the rest of a refused body is read and dropped before the connection is closed."""
    answer_seconds: float = 60.0
    """How long a client may take to read its answer."""
    connections: int = 512
    """The most open at once; a further one replaces an idle one, else the oldest whose request is not complete."""
