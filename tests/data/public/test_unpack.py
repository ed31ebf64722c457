"""Archives that mean harm, and some that are only broken."""

import gzip
import io
import shutil
import stat
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from diptych.data.public import unpack as module
from diptych.data.public.unpack import unpack
from diptych.errors import DiptychError


def tar_of(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info in members:
            archive.addfile(info, io.BytesIO(b"x" * info.size) if info.isreg() else None)
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 3) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return info


def zip_of(*names: str, mode: int = 0, method: int = zipfile.ZIP_STORED, data: bytes = b"xxx") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, data)
    return buffer.getvalue()


def refused(tmp_path: Path, archive: bytes) -> str:
    """The sentence; nothing is left, inside the folder or outside."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "archive").write_bytes(archive)
    with pytest.raises(DiptychError) as problem:
        unpack(home / "archive", home / "set")
    assert [path for path in tmp_path.rglob("*") if path != home] == []
    return str(problem.value)


OUTSIDE = ["../evil", "a/../../evil", "/tmp/evil", "C:\\evil", "C:evil", "a\\..\\..\\evil", ".."]


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    assert "leads out of the folder" in refused(tmp_path, tar_of(entry("good"), entry(name)))


@pytest.mark.parametrize("name", OUTSIDE)
def test_no_path_of_a_zip_leaves_the_folder(tmp_path: Path, name: str) -> None:
    assert "leads out of the folder" in refused(tmp_path, zip_of("good", name))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_no_link_and_no_device(tmp_path: Path, kind: bytes) -> None:
    assert "link or a device" in refused(tmp_path, tar_of(entry("good"), entry("evil", kind, link="good")))


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o666, stat.S_IFIFO])
def test_no_link_and_no_device_in_a_zip(tmp_path: Path, mode: int) -> None:
    assert "link or a device" in refused(tmp_path, zip_of("evil", mode=mode, data=b"/etc/passwd"))


def test_a_file_cannot_be_written_through_another(tmp_path: Path) -> None:
    assert "two members" in refused(tmp_path, tar_of(entry("a"), entry("a/b")))


def test_one_name_twice(tmp_path: Path) -> None:
    assert "two members" in refused(tmp_path, tar_of(entry("a"), entry("./a")))


def test_a_tar_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALWAYS_ALLOWED", 1000)
    assert "grows beyond" in refused(tmp_path, tar_of(entry("zeros", size=50_000_000)))


def test_a_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALWAYS_ALLOWED", 1000)
    bomb = zip_of("zeros", method=zipfile.ZIP_DEFLATED, data=bytes(5_000_000))
    assert "grows beyond" in refused(tmp_path, bomb)


def test_a_bomb_in_a_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALWAYS_ALLOWED", 1000)
    header = entry("name", tarfile.XHDTYPE)
    header.size = 50_000_000
    assert "grows beyond" in refused(tmp_path, gzip.compress(header.tobuf() + bytes(50_000_000)))


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 10)
    assert "more than 10 files" in refused(tmp_path, zip_of(*(str(number) for number in range(11))))


def test_encrypted(tmp_path: Path) -> None:
    data = bytearray(zip_of("secret"))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    assert "encrypted" in refused(tmp_path, bytes(data))


@pytest.mark.parametrize(
    "archive",
    [tar_of(), gzip.compress(b""), b"", b"not an archive", tar_of(entry("d", tarfile.DIRTYPE))],
    ids=["tar", "gzip", "empty", "text", "folder"],  # bytes with the time in them would name the tests otherwise
)
def test_nothing_in_it(tmp_path: Path, archive: bytes) -> None:
    assert "empty" in (said := refused(tmp_path, archive)) or "neither" in said or "damaged" in said


@pytest.mark.parametrize("cut", [0.05, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_truncated(tmp_path: Path, kind: str, cut: float) -> None:
    whole = (
        zip_of("a", "b", data=bytes(range(256)) * 40) if kind == "zip" else tar_of(entry("a", size=5000), entry("b"))
    )
    assert "damaged" in refused(tmp_path, whole[: int(len(whole) * cut)])


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_flipped_bit(tmp_path: Path, kind: str) -> None:
    picture = bytes(range(256)) * 40
    data = bytearray(zip_of("a", data=picture) if kind == "zip" else tar_of(entry("a", size=5000)))
    place = data.index(picture[:200]) + 100 if kind == "zip" else len(data) - 6  # the second: in the gzip's checksum
    data[place] ^= 1
    assert "damaged" in refused(tmp_path, bytes(data))


def test_a_folder_around_everything_is_taken_off(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(
        zip_of("set/trainA/1.jpg", "set/trainB/1.jpg", "__MACOSX/set/._1.jpg", "set/.DS_Store")
    )
    unpack(tmp_path / "archive", tmp_path / "here")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["trainA", "trainB"]


def test_what_a_broken_attempt_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "old").write_text("old")
    (tmp_path / "archive").write_bytes(tar_of(entry("a"), entry("b")))
    unpack(tmp_path / "archive", tmp_path / "here")
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["a", "b"]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_no_flipped_bit_gives_more_than_a_sentence(tmp_path: Path, method: int) -> None:
    """Each byte of the headers in turn, and some of what is packed: readers throw anything, and nothing half unpacked stays."""
    whole = zip_of("a/\xe9.png", "a/b.png", method=method, data=bytes(range(64)))
    (tmp_path / "home").mkdir()
    archive, folder = tmp_path / "home" / "archive", tmp_path / "home" / "set"
    for place in range(len(whole)):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        with suppress(DiptychError):
            unpack(archive, folder)
        assert [path.name for path in folder.parent.iterdir()] in ([], ["archive", "set"], ["set", "archive"])
        shutil.rmtree(folder, ignore_errors=True)
