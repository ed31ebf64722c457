"""Requests that are not in order get one sentence, and touch nothing."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from asking import RNG, Inverted, Serve, offer, opened, picture, pixels, refused
from torch import nn

from diptych.pictures.kinds import Kind
from diptych.serving.service import tiff_limits
from diptych.serving.service.limits import Limits
from diptych.serving.service.pictures import decoded, wanted_type
from diptych.serving.service.problems import Problem

HUGE = 60_000


def huge_png(bits: int = 8) -> bytes:
    head = struct.pack(">IIBBBBB", HUGE, HUGE, bits, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    packed = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(width: int, height: int, bits: int = 8, *more: tuple[int, int, int], following: int = 0) -> bytes:
    """Uncompressed RGB that says so of itself; ``more`` are further entries: tag, number of values, value."""
    entries = [(256, 1, width), (257, 1, height), (258, 1, bits), (259, 1, 1), (262, 1, 2), (277, 1, 3), (273, 1, 8)]
    entries = sorted([*entries, (278, 1, height), (279, 1, min(width * height * 3, 2**31)), *more])
    packed = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + packed + struct.pack("<I", following)


def huge_webp() -> bytes:
    """The extended form states the canvas, of which a side has at most 2^24 pixels and all together 2^32."""
    side = struct.pack("<I", HUGE - 1)[:3]
    chunk = b"VP8X" + struct.pack("<I", 10) + bytes(4) + side + side
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


@pytest.mark.parametrize("data", [huge_png(), huge_png(16), tiff(HUGE, HUGE), tiff(HUGE, HUGE, 16)], ids=len)
def test_a_header_of_too_many_pixels_is_refused_before_decoding(
    serve: Serve, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.pictures.codecs.decode", None)
    refused(serve().post("/translate/inverted", content=data), 413, "16,000,000 pixels")


def test_a_webp_of_too_many_pixels_is_refused(serve: Serve) -> None:
    answer = serve().post("/translate/inverted", content=huge_webp())
    assert answer.status_code in (413, 422)  # libwebp itself takes no side beyond 16,383 pixels
    refused(answer, answer.status_code)
    large = picture(np.zeros((16_000, 1_100, 3), dtype=np.uint8), "WEBP", lossless=True)
    refused(serve().post("/translate/inverted", content=large), 413, "1100x16000")


def test_a_picture_that_becomes_too_large_is_refused(serve: Serve) -> None:
    larger = offer("larger", Inverted(), scale=4)
    padded = offer("padded", Inverted(), multiple=256)
    client = serve({"larger": larger, "padded": padded}, pixels=2_000)
    given = picture(pixels(16, 20))
    refused(client.post("/translate/larger", content=given), 413, "4 times its 20x16")
    refused(client.post("/translate/padded", content=given), 413, "filled up to 256")
    refused(client.post("/translate/larger", content=picture(pixels(50, 50))), 413, "50x50", "2,000 pixels")


def test_directories_of_a_tiff_that_ask_for_far_more_than_its_size(serve: Serve) -> None:
    client = serve()
    tiles = tiff(64, 64, 8, (322, 1, 24_000), (323, 1, 24_000))
    refused(client.post("/translate/inverted", content=tiles), 422, "24,000x24,000")
    refused(client.post("/translate/inverted", content=tiff(64, 64, following=8)), 422, "in a circle")
    pieces = tiff(64, 64, 8, (324, 2_000_000, 8))
    refused(client.post("/translate/inverted", content=pieces), 422, "2,000,000 pieces")
    refused(client.post("/translate/inverted", content=tiff(64, 64, following=2**31)), 422, "outside of the file")
    for form in ("<", ">"):
        big = (b"II+\0" if form == "<" else b"MM\0+") + struct.pack(form + "HHQQ", 8, 0, 16, 1)
        big += struct.pack(form + "HHQQQ", 324, 4, 200_000, 0, 0)
        assert "200,000 pieces" in tiff_limits.trap(big, 100)
    assert not tiff_limits.trap(picture(pixels(), "TIFF"), 16_000_000)
    assert not tiff_limits.trap(picture(pixels(), "TIFF", big_tiff=True), 16_000_000)


def entry(form: str, offset: str, tag: int, kind: int, count: int, value: bytes) -> bytes:
    """Of a directory, with the value as it stands in the file."""
    return struct.pack(f"{form}HH{offset}", tag, kind, count) + value.ljust(struct.calcsize(offset), b"\0")


def test_sides_of_tiles_that_stand_elsewhere_than_they_seem_to(serve: Serve) -> None:
    """An 8-byte side of a classic TIFF lies behind an offset; the first half of one in a big-endian BigTIFF is 0."""
    classic = bytearray(tiff(64, 64, 8, (322, 1, 0), (323, 1, 0)))
    for place in range(10, 10 + 11 * 12, 12):
        if struct.unpack_from("<H", classic, place)[0] in (322, 323):
            struct.pack_into("<HII", classic, place + 2, 16, 1, len(classic))
    sent = bytes(classic) + struct.pack("<Q", 24_000)
    refused(serve().post("/translate/inverted", content=sent), 422, "size of its tiles")
    big = b"MM\0+" + struct.pack(">HHQQ", 8, 0, 16, 2)
    for tag in (322, 323):
        big += entry(">", "Q", tag, 16, 1, struct.pack(">Q", 24_000))
    refused(serve().post("/translate/inverted", content=big + bytes(8)), 422, "size of its tiles")
    for order, signature in (("<", b"II*\0"), (">", b"MM\0*")):
        two = signature + struct.pack(order + "IH", 8, 1) + entry(order, "I", 322, 4, 2, b"") + bytes(4)
        assert "size of its tiles" in tiff_limits.trap(two, 100)
        short = struct.pack(order + "H", 24_000)
        fit = signature + struct.pack(order + "IH", 8, 2)
        fit += entry(order, "I", 322, 3, 1, short) + entry(order, "I", 323, 3, 1, short) + bytes(4)
        assert "24,000x24,000" in tiff_limits.trap(fit, 100)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_truncated_files(serve: Serve, form: str) -> None:
    client = serve()
    whole = picture(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8), form)
    for share in (0.001, 0.02, 0.3, 0.7, 0.97):
        answer = client.post("/translate/inverted", content=whole[: int(len(whole) * share)])
        refused(answer, answer.status_code)
        assert answer.status_code in (415, 422)


@pytest.mark.parametrize(
    ("content", "kind", "status", "words"),
    [
        (b"", "image/png", 422, "is empty"),
        (b"GIF89a" + bytes(100), "image/gif", 415, "no PNG"),
        (b"\x93NUMPY\x01\x00", "", 415, "no PNG"),
        (b"PK\x03\x04" + bytes(100), "", 415, "no PNG"),
        (b"%!PS-Adobe-3.0", "image/png", 415, "no PNG"),
        (b"{}", "application/json", 415, "application/json"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "not taken"),
        (b"no form", "multipart/form-data", 422, "form"),
        (b"no form", "multipart/form-data; boundary=x", 422, "form"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422, "picture"),
    ],
)
def test_bodies_that_are_no_picture(serve: Serve, content: bytes, kind: str, status: int, words: str) -> None:
    answer = serve().post("/translate/inverted", content=content, headers={"Content-Type": kind} if kind else {})
    refused(answer, status, words)


def test_forms_with_something_else(serve: Serve) -> None:
    client = serve()
    refused(client.post("/translate/inverted", files={"other": b"x"}), 422, "picture, instances, mask")
    refused(client.post("/translate/inverted", files={"picture": b"x"}, data={"seed": "1"}), 422, "not known")
    many = [("picture", (str(number), b"x")) for number in range(9)]
    refused(client.post("/translate/inverted", files=many), 422, "Too many files")


@pytest.mark.parametrize("seed", ["-1", "x", str(2**63), "1e400", "1.5", "", "9" * 5000])
def test_absurd_parameters(serve: Serve, seed: str) -> None:
    answer = serve().post("/translate/inverted", params={"seed": seed}, content=picture())
    refused(answer, 422, f'seed cannot be "{seed[:40]}"; give a whole number from 0 to 9223372036854775807.')


@pytest.mark.parametrize("size", ["0", "x", "12x", "0x5", "999999", "", "Own", " 64", "64X64"])
def test_absurd_sizes_are_refused_in_words(serve: Serve, size: str) -> None:
    answer = serve().post("/translate/inverted", params={"size": size}, content=picture())
    refused(answer, 422, f'size cannot be "{size}"; give training, own, a side such as 256, or HEIGHTxWIDTH')
    assert "pattern" not in answer.text


def test_parameters_that_would_be_passed_over_are_refused(serve: Serve) -> None:
    client = serve()
    answer = client.post("/translate/inverted?sede=4&size=own", content=picture())
    refused(answer, 422, 'there is no parameter "sede"; there are seed and size.')
    answer = client.post("/translate/inverted?size=own&size=own", content=picture())
    refused(answer, 422, "size is given 2 times; give it once.")


def test_what_curl_calls_a_body_by_default_is_refused_with_what_to_type(serve: Serve) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = serve().post("/translate/inverted", content=picture(), headers=headers)
    packed = serve().post("/translate/inverted", content=picture(), headers={"content-encoding": "gzip"})
    refused(packed, 415, "packed with gzip is not taken")
    refused(answer, 415, "x-www-form-urlencoded is not taken", "--data-binary @FILE -H 'Content-Type: image/png'")


def test_too_long_a_body_is_refused_whether_it_says_so_or_not(serve: Serve) -> None:
    client = serve(bytes=1000)
    refused(client.post("/translate/inverted", content=bytes(1001)), 413, "1,000 bytes")
    refused(client.post("/translate/inverted", content=iter([bytes(600)] * 2)), 413, "1,000 bytes")
    assert client.post("/translate/inverted", content=picture()).status_code == 200  # on a connection that still works


def test_all_bodies_together_are_bounded(serve: Serve) -> None:
    client = serve(bytes_at_once=1000)
    answer = client.post("/translate/inverted", content=bytes(1001))
    refused(answer, 503, "try again")
    assert answer.headers["retry-after"] == "1"
    assert client.post("/translate/inverted", content=picture()).status_code == 200  # nothing is counted for ever


@pytest.mark.parametrize(
    "address",
    [
        "/translate/../../../../etc/passwd",
        "/translate/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/translate/%2Fetc%2Fpasswd",
        "/translate//etc/passwd",
        "/translate/inverted%00.png",
        "/translate/inverted/",
    ],
)
def test_no_path_to_translate_by(serve: Serve, address: str) -> None:
    refused(serve().post(address, content=picture()), 404)


@pytest.mark.parametrize("root", ["", "examples/inverted/", "models/inverted/", "vendor/"])
@pytest.mark.parametrize(
    "rest",
    ["../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%2f..%2fserver.py", "/etc/passwd", "%00", "..\\server.py"],
)
def test_no_path_of_a_request_reaches_the_disk(serve: Serve, root: str, rest: str, tmp_path: Path) -> None:
    client = serve({"inverted": offer("inverted", Inverted(), examples=[picture()])})
    refused(client.get(f"/{root}{rest}"), 404, "/openapi.json")


def test_methods_that_are_not_taken(serve: Serve) -> None:
    client = serve()
    answer = client.get("/translate/inverted")
    refused(answer, 405, "does not take that method")
    assert answer.headers["allow"] == "POST"
    refused(client.delete("/"), 405)
    refused(client.post("/translate/other", content=picture()), 404, "inverted")


class Wrong(nn.Module):
    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem

    def forward(self, source: Any) -> Any:
        raise self.problem


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ("Padding size should be less than the corresponding input dimension", 422, "too small"),
        ("Status Message: Pad reflect requires axis length >= 2 after slicing.", 422, "too small"),
        ("REFLECT padding mode requires an input of dimension of at least 2 at each spatial axis.", 422, "too small"),
        ("DefaultCPUAllocator: can't allocate memory", 413, "memory"),
        ("a bug in secret.py", 500, "the log says what"),
    ],
)
def test_what_a_network_throws(serve: Serve, said: str, status: int, words: str, caplog: Any) -> None:
    answer = serve({"wrong": Wrong(RuntimeError(said))}).post("/translate/wrong", content=picture())
    refused(answer, status, words)
    assert "secret" not in answer.text


class NotFinite(nn.Module):
    def forward(self, source: Any) -> Any:
        return source * torch.nan


def test_values_that_are_no_picture(serve: Serve) -> None:
    refused(serve({"nan": NotFinite()}).post("/translate/nan", content=picture()), 422, "not finite")


def test_the_token_is_asked_for_before_anything_else(serve: Serve) -> None:
    client = serve(options={"token": "opensesame"})
    for answer in (
        client.post("/translate/inverted", content=picture()),
        client.post("/translate/nobody?seed=x", content=b"x", headers={"Authorization": "Bearer wrong"}),
        client.get("/translators"),
        client.get("/metrics"),
        client.get("/translators", headers={"Authorization": "Basic opensesame"}),
        client.get("/translators", headers=[(b"Authorization", b"Bearer \xff")]),
    ):
        refused(answer, 401, "Authorization: Bearer TOKEN")
        assert answer.headers["www-authenticate"] == "Bearer"
    known = {"Authorization": "Bearer opensesame"}
    assert opened(client.post("/translate/inverted", content=picture(), headers=known)).shape == (16, 20, 3)
    assert client.get("/health").status_code == 200
    assert client.get("/").status_code == 200


def test_other_pages_may_ask_where_they_are_named(serve: Serve) -> None:
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    client = serve(options={"origins": ["https://example.org"]})
    told = client.options("/translate/inverted", headers=asked)
    assert told.headers["access-control-allow-origin"] == "https://example.org"
    answer = client.post("/translate/inverted", content=picture(), headers={"Origin": "https://example.org"})
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    strange = client.post("/translate/inverted", content=picture(), headers={"Origin": "https://example.com"})
    assert "access-control-allow-origin" not in strange.headers
    silent = serve().options("/translate/inverted", headers=asked)
    refused(silent, 405)
    assert "access-control-allow-origin" not in silent.headers


def test_units() -> None:
    with pytest.raises(Problem, match="is empty"):
        decoded(b"", Kind(), Limits())
    assert wanted_type("image/webp;q=0.9,image/tiff;q=0.95", Kind()) == "image/tiff"
    with pytest.raises(Problem, match="float32; accept image/tiff"):
        wanted_type("image/png", Kind("rgb", "float32"))
