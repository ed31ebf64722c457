"""The catalog: what every entry says, where sets go, and the sentences for names that are not there."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from diptych.data.openmoji import drawings
from diptych.data.public import catalog
from diptych.errors import DiptychError
from diptych.recipe_files import find, spellings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


def test_every_entry_is_complete() -> None:
    entries = catalog.listing()
    assert {"facades", "maps", "cityscapes", "edges2shoes", "edges2handbags", "night2day"} <= entries.keys()
    assert {"horse2zebra", "apple2orange", "summer2winter_yosemite", "monet2photo", "ae_photos"} <= entries.keys()
    for name, entry in entries.items():
        parts = urlsplit(entry.address)
        assert parts.scheme in ("http", "https")
        assert parts.path.endswith((f"/{name}.tar.gz", f"/{name}.zip"))
        assert entry.megabytes > 0
        assert all((entry.a, entry.b, entry.layout, entry.pictures, entry.licence, entry.citation))
        assert entry.sha256 == "" or len(bytes.fromhex(entry.sha256)) == 32
        assert entry.md5 == "" or len(bytes.fromhex(entry.md5)) == 16
        assert entry.sha256 or entry.md5 or name == "night2day"
        assert not catalog.EMBEDDED.fullmatch(name)
    known = [entry.sha256 or entry.md5 for entry in entries.values() if entry.sha256 or entry.md5]
    assert len(known) == len(set(known)) >= 14


def test_every_set_that_a_recipe_names_is_known() -> None:
    for name, (recipe, profile) in spellings().items():
        folder = find(recipe, profile).table.get("data", {}).get("folder", "")
        if folder:
            assert folder in catalog.listing() or catalog.EMBEDDED.fullmatch(folder), name


def test_the_cache_is_where_it_is_said_to_be(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert catalog.cache_folder() == cache
    monkeypatch.delenv("DIPTYCH_CACHE")
    assert catalog.cache_folder().is_absolute()
    assert catalog.cache_folder().parts[-2:] == ("diptych", "data")


@pytest.mark.parametrize("ask", [catalog.get, catalog.resolve])
def test_an_unknown_name(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(DiptychError, match=r'"facade".*did you mean "facades"'):
        ask("facade")
    with pytest.raises(DiptychError, match=r'no .*data set "nothing/like/it"'):
        ask("nothing/like/it")


def test_a_set_that_is_not_here_yet() -> None:
    with pytest.raises(DiptychError, match="diptych data get facades"):
        catalog.resolve("facades")


def test_a_set_that_is_here(cache: Path) -> None:
    (cache / "facades").mkdir(parents=True)
    assert catalog.resolve("facades") == cache / "facades"


def test_the_embedded_set_is_made_on_the_way(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def some(folder: Path, size: int, progress: object = None) -> Path:
        return prepare(folder, size, names=["1F600"], processes=1)

    prepare = drawings.prepare
    monkeypatch.setattr(drawings, "prepare", some)
    assert catalog.resolve("openmoji-24") == cache / "openmoji-24"
    assert [path.name for path in (cache / "openmoji-24").glob("*/*.png")] == ["1F600.png"]
    assert catalog.get("openmoji-24", cache / "elsewhere") == cache / "elsewhere" / "openmoji-24"


@pytest.mark.parametrize("name", ["openmoji-8", "openmoji-9999"])
def test_an_impossible_size(name: str) -> None:
    with pytest.raises(DiptychError, match="size"):
        catalog.resolve(name)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            info = tarfile.TarInfo("facades/train/1.jpg")
            info.size = 4
            archive.addfile(info, io.BytesIO(b"data"))
        self.send_response(200)
        self.send_header("Content-Length", str(len(buffer.getvalue())))
        self.end_headers()
        self.wfile.write(buffer.getvalue())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/facades.tar.gz"
        server.shutdown()
        thread.join()


def test_getting_a_set(cache: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalog.Entry(address, "left", "right", 1, "layout", "pictures", "licence", "citation")
    monkeypatch.setattr(catalog, "listing", lambda: {"facades": entry})
    told: list[tuple[str, int, int]] = []
    place = catalog.get("facades", progress=lambda *what: told.append(what))
    assert place == cache / "facades" == catalog.resolve("facades")
    assert (place / "train" / "1.jpg").read_bytes() == b"data"
    assert {what for what, _, _ in told} == {"downloading", "unpacking"}


@pytest.mark.parametrize("answer", [RuntimeError("no home"), Path("~/.cache/diptych")])
def test_a_user_without_a_home(answer: Exception | Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a container's number that no file of users knows; of either sort of platformdirs."""

    def asked(_: str) -> Path:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.delenv("DIPTYCH_CACHE", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", asked)
    assert not (catalog.cache_folder() / "facades").is_dir()
    with pytest.raises(DiptychError, match="DIPTYCH_CACHE"):
        catalog.get("openmoji-16")
    assert not Path("~").exists()


def archive_of(folder: Path) -> Path:
    place = folder / "facades.tar.gz"
    (folder / "1.jpg").write_bytes(b"data")
    with tarfile.open(place, "w:gz") as archive:
        archive.add(folder / "1.jpg", "facades/train/1.jpg")
    return place


def test_an_archive_that_is_here_needs_no_network(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(tmp_path)
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    words = ("http://nowhere.invalid/facades.tar.gz", "left", "right", 1, "layout", "pictures", "licence", "citation")
    monkeypatch.setattr(catalog, "listing", lambda: {"facades": catalog.Entry(*words, md5=md5)})
    place = catalog.get("facades", archive=archive)
    assert (place / "train" / "1.jpg").read_bytes() == b"data"
    assert archive.is_file()
    monkeypatch.setattr(catalog, "listing", lambda: {"facades": catalog.Entry(*words, md5="0" * 32)})
    with pytest.raises(DiptychError, match=f"MD5 sum {md5}, but 0+ is known"):
        catalog.get("facades", tmp_path / "other", archive=archive)
    assert archive.is_file()
    with pytest.raises(DiptychError, match=r"no file .*none\.zip"):
        catalog.get("facades", tmp_path / "third", archive=tmp_path / "none.zip")


def test_a_host_that_is_gone(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "do_GET", lambda self: self.send_error(404))
    entry = catalog.Entry(address, "left", "right", 1, "layout", "pictures", "licence", "citation")
    monkeypatch.setattr(catalog, "listing", lambda: {"facades": entry})
    with pytest.raises(DiptychError, match=r"404.*data get facades --archive FILE.*data get openmoji"):
        catalog.get("facades")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openmoji-143", ("outlines", "coloured drawings")),
        ("facades", ("photos of facades", "label maps")),
        ("mine", None),
    ],
)
def test_what_the_domains_are(name: str, expected: tuple[str, str] | None) -> None:
    assert catalog.domains(name) == expected
