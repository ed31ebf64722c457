"""Downloads that come to an end, however the server behaves."""

import hashlib
import json
from pathlib import Path

import pytest
from web import ARCHIVE, FILES, Server, assert_whole, contents, fetch, noise, packed

from diptych.data.public import download
from diptych.data.public.unpack import remembered
from diptych.errors import DiptychError


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_good_server(server: Server, tmp_path: Path, kind: str) -> None:
    server.body = packed(FILES, kind)
    digest = hashlib.sha256(server.body).hexdigest()
    seen: list[tuple[str, int, int]] = []
    address = server.address(f"toy.{kind}")
    place = download.fetch(address, tmp_path / "deep" / "toy", digest, progress=lambda *told: seen.append(told))
    assert_whole(place)
    assert json.loads((place / download.SOURCE_FILE).read_text()) == {"address": address, "sha256": digest}
    assert remembered(place) == digest
    size = len(server.body)
    assert [told for told in seen if told[0] == "downloading"][-1] == ("downloading", size, size)
    assert any(told[0] == "unpacking" for told in seen)
    assert all(0 < done <= total for _, done, total in seen)
    download.fetch(address, place)
    assert len(server.ranges) == 1, "a finished folder asks no server"


def test_a_connection_cut_again_and_again_is_gone_on_from(server: Server, tmp_path: Path) -> None:
    server.script = ["cut 60000", "cut 1", "cut 0", "503", "cut 50000"]
    pauses = fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert server.ranges == [None, "bytes=60000-", "bytes=60001-", "bytes=60001-", "bytes=60001-", "bytes=110001-"]
    assert pauses == [1.0, 1.0, 2.0, 7.0, 1.0], "longer with each attempt that won nothing, or what the server asks for"


def test_a_date_serves_where_there_is_no_tag(server: Server, tmp_path: Path) -> None:
    server.tag, server.changed, server.script = 'W/"weak"', "Mon, 06 Oct 2014 10:00:00 GMT", ["cut 60000"]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert server.ranges == [None, "bytes=60000-"]


def test_without_tag_and_date_one_begins_anew(server: Server, tmp_path: Path) -> None:
    server.tag, server.script = "", ["cut 60000"]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
    assert server.ranges == [None, None]


@pytest.mark.parametrize("word", ["ignore range", "wrong piece", "chunked cut"])
def test_a_server_that_does_not_do_as_asked(server: Server, tmp_path: Path, word: str) -> None:
    server.script = ["cut 60000", word]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


def test_a_file_without_a_length(server: Server, tmp_path: Path) -> None:
    server.script = ["no length"]
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


def test_a_changed_file_is_not_glued_to_the_old_one(server: Server, tmp_path: Path) -> None:
    server.script = ["cut 60000", "404"]
    with pytest.raises(DiptychError, match="404"):
        fetch(server, tmp_path / "toy")
    other = {"toy/train/1.jpg": noise(170_000, 5)}
    server.body, server.tag = packed(other), '"two"'
    fetch(server, tmp_path / "toy")
    assert contents(tmp_path / "toy") == {"train/1.jpg": other["toy/train/1.jpg"]}
    assert server.ranges == [None, "bytes=60000-", "bytes=60000-"]


def test_a_part_longer_than_the_file_is_dropped(server: Server, tmp_path: Path) -> None:
    place = tmp_path / "toy"
    place.with_name("toy.archive.part").write_bytes(ARCHIVE + b"more")
    notes = {"address": server.address(), "tag": server.tag, "length": len(ARCHIVE) + 9}
    place.with_name("toy.archive.json").write_text(json.dumps(notes))
    server.script = ["416"]
    fetch(server, place)
    assert_whole(place)


@pytest.mark.parametrize("notes", ["{", "[]", '{"address": 3}', '{"no": "field"}'])
def test_notes_that_say_nothing_are_not_believed(server: Server, tmp_path: Path, notes: str) -> None:
    (tmp_path / "toy.archive.part").write_bytes(b"rubbish")
    (tmp_path / "toy.archive.json").write_text(notes)
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")


def test_a_length_that_is_never_reached_comes_to_an_end(server: Server, tmp_path: Path) -> None:
    server.script = ["claim more"] * 20
    with pytest.raises(DiptychError, match=r"ended after .* bytes.*kept") as problem:
        fetch(server, tmp_path / "toy")
    assert f"{len(ARCHIVE):,} of {len(ARCHIVE) + 1000:,}" in str(problem.value)
    assert len(server.ranges) == download.ATTEMPTS
    assert not (tmp_path / "toy").exists()


def test_a_byte_at_a_time_comes_to_an_end(server: Server, tmp_path: Path) -> None:
    server.script = ["cut 1"] * 1000
    with pytest.raises(DiptychError, match="100 bytes have come"):
        fetch(server, tmp_path / "toy")


def test_a_truncated_file_of_a_believable_length_is_found_damaged(server: Server, tmp_path: Path) -> None:
    server.script = ["claim less"]
    with pytest.raises(DiptychError, match=r"damaged.*fetches it anew"):
        fetch(server, tmp_path / "toy")
    assert contents(tmp_path).keys() <= {".toy.lock"}
    fetch(server, tmp_path / "toy")
    assert_whole(tmp_path / "toy")
