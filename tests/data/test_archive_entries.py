"""Names, kinds and damage of archives as Windows, macOS, Linux and others write them."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib

import pytest
from packing import tar_bytes, zip_bytes, zip_of_raw_names

from mobilenetv2.data import archive_entries
from mobilenetv2.data.archive_entries import Damaged, archive_kind, damage_in_words, decode_names, read_entries

PICTURES = {"train/dog/1.jpg": b"1" * 700, "train/cat/1.jpg": b"", "val/dog/2.jpg": b"2" * 1300}


def contents(data, limit=2**30):
    found = {}
    for entry, opened in read_entries(io.BytesIO(data), archive_kind(data[: archive_entries.HEAD]), limit):
        with damage_in_words(), opened() as stream:
            found[entry.name] = stream.read()
        assert entry.kind == "file" and entry.size == len(found[entry.name])
    return dict(zip(decode_names(list(found)), found.values()))


def entries(data):
    kind = archive_kind(data[: archive_entries.HEAD])
    found = {entry.name: entry.kind for entry, _ in read_entries(io.BytesIO(data), kind, 2**30)}
    return dict(zip(decode_names(list(found)), found.values()))


PACKED = {
    "zip": zip_bytes(PICTURES),
    "zip, deflated": zip_bytes(PICTURES, zipfile.ZIP_DEFLATED),
    "zip, bzip2": zip_bytes(PICTURES, zipfile.ZIP_BZIP2),
    "zip, LZMA": zip_bytes(PICTURES, zipfile.ZIP_LZMA),
    "tar": tar_bytes(PICTURES),
    "tar of GNU": tar_bytes(PICTURES, form=tarfile.GNU_FORMAT),
    "tar of POSIX 1988": tar_bytes(PICTURES, form=tarfile.USTAR_FORMAT),
    "tar.gz": tar_bytes(PICTURES, "w:gz"),
    "tar.bz2": tar_bytes(PICTURES, "w:bz2"),
    "tar.xz": tar_bytes(PICTURES, "w:xz"),
}


@pytest.mark.parametrize("form", PACKED)
def test_every_form_is_read(form):
    assert contents(PACKED[form]) == PICTURES


@pytest.mark.parametrize("form", PACKED)
def test_every_form_is_known_to_be_cut_off(form):
    whole = PACKED[form]
    for kept in (0.99, 0.5):
        short = whole[: int(len(whole) * kept) - 1]
        if form.startswith("tar") and "." not in form:  # 99 % of it are the files, and then zeros
            short = whole[: int(tarfile.BLOCKSIZE * 7.5 * kept)]
        with pytest.raises(Damaged):
            contents(short)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("训练集/狗/1.jpg".encode("gbk"), "训练集/狗/1.jpg"),
        ("牛角包/狗/2.png".encode("gb2312"), "牛角包/狗/2.png"),
        ("朱镕基/喆.jpg".encode("gbk"), "朱镕基/喆.jpg"),  # letters that GB 2312 does not have
        ("訓練集/猫.jpg".encode(), "訓練集/猫.jpg"),
        ("né/Füße 2.jpg".encode("cp437"), "né/Füße 2.jpg"),
        (b"train/dog/1.jpg", "train/dog/1.jpg"),
    ],
)
def test_names_without_an_encoding(raw, name):
    assert decode_names([raw]) == [name]
    assert contents(zip_of_raw_names({raw: b"photo"})) == {name: b"photo"}


def test_all_names_of_an_archive_have_one_encoding():
    """The bytes of some Chinese letters in GBK are others in UTF-8: those of 猫 are è, those of 犬 are Ȯ."""
    names = ["猫/1.jpg", "犬/1.jpg", "狗/1.jpg"]
    assert decode_names([name.encode("gbk") for name in names]) == names
    assert decode_names([*(name.encode() for name in names), "狗.jpg".encode("gbk"), "狼.jpg"]) == [
        *names,
        "狗.jpg",
        "狼.jpg",
    ]
    assert decode_names([name.encode("cp437") for name in ("né/ß.jpg", "né/ü.jpg")]) == ["né/ß.jpg", "né/ü.jpg"]


def test_names_that_say_their_encoding():
    for name in ("训练集/狗/1.jpg", "né/Füße.jpg", "собака.jpg"):
        assert contents(zip_bytes({name: b"photo"})) == {name: b"photo"}
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            assert contents(tar_bytes({name: b"photo"}, form=form)) == {name: b"photo"}
    raw = "собака.jpg".encode("cp866")
    said = b"\x01" + zlib.crc32(raw).to_bytes(4, "little") + "собака.jpg".encode()
    field = b"\x75\x70" + len(said).to_bytes(2, "little") + said
    assert contents(zip_of_raw_names({raw: b"photo"}, extra=field)) == {"собака.jpg": b"photo"}
    other = b"\x75\x70" + len(said).to_bytes(2, "little") + said[:1] + b"1234" + said[5:]  # of another name
    assert "собака.jpg" not in contents(zip_of_raw_names({raw: b"photo"}, extra=other))


def test_old_names_in_a_tar():
    info = tarfile.TarInfo("x")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="gbk") as archive:
        info.name, info.size = "狗狗/1.jpg", 5
        archive.addfile(info, io.BytesIO(b"photo"))
    assert contents(buffer.getvalue()) == {"狗狗/1.jpg": b"photo"}


def test_what_is_no_file():
    kinds = {
        tarfile.SYMTYPE: "a link",
        tarfile.LNKTYPE: "a link",
        tarfile.CHRTYPE: "a device or pipe",
        tarfile.BLKTYPE: "a device or pipe",
        tarfile.FIFOTYPE: "a device or pipe",
        tarfile.DIRTYPE: "folder",
    }
    for kind, words in kinds.items():
        assert entries(tar_bytes({"a": b""}, type=kind, linkname="/etc/passwd")) == {"a": words}
    for mode, words in ((0o120777, "a link"), (0o010644, "a device or pipe"), (0o100644, "file"), (0, "file")):
        info, buffer = zipfile.ZipInfo("a"), io.BytesIO()
        info.external_attr, info.create_system = mode << 16, 3
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(info, "/etc/passwd")
        assert entries(buffer.getvalue()) == {"a": words}


def test_what_needs_more_than_this_program():
    data = bytearray(zip_bytes({"a.jpg": b"photo"}))
    central = data.index(b"PK\1\2")
    for place, value, words in (
        (8, 1, "encrypted"),
        (10, 9, "compressed by a method that is not known here (number 9)"),
        (10, 99, "compressed by a method that is not known here (number 99)"),
    ):
        changed = data.copy()
        changed[central + place] = value
        assert entries(bytes(changed)) == {"a.jpg": words}


def test_memory_is_bounded(monkeypatch):
    """What tarfile and zipfile read as a whole."""
    bomb = tarfile.TarInfo("././@LongLink")
    bomb.type, bomb.size = tarfile.GNUTYPE_LONGNAME, 2**36
    pax = tarfile.TarInfo("pax")
    pax.type, pax.size = tarfile.XHDTYPE, 2**28
    for info in (bomb, pax):
        data = info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
        for packed in (data, gzip.compress(data), bz2.compress(data), lzma.compress(data)):
            with pytest.raises(Damaged, match=f"a header of {info.size} bytes|Missing|unexpected|could not be"):
                contents(packed)
    large = tarfile.TarInfo("large.jpg")
    large.size = 2**33
    with pytest.raises(Damaged, match="it unpacks to more than 1 MiB"):
        list(read_entries(io.BytesIO(gzip.compress(large.tobuf() + bytes(2**21))), "gz", 2**20))
    monkeypatch.setattr(archive_entries, "CENTRAL", 100)
    with pytest.raises(Damaged, match="its list of entries"):
        contents(PACKED["zip"])


def test_a_size_that_is_a_lie():
    data = bytearray(zip_bytes({"a.jpg": b"photo" * 1000}, zipfile.ZIP_DEFLATED))
    central = data.index(b"PK\1\2")
    data[central + 24 : central + 28] = (100).to_bytes(4, "little")
    with pytest.raises(Damaged, match="CRC"):
        contents(bytes(data))


def test_kinds():
    assert archive_kind(b"Rar!\x1a\x07\x01\x00") == "rar" and archive_kind(b"7z\xbc\xaf\x27\x1c\0\4") == "7z"
    for other in (b"", b"\xff\xd8\xff\xe0", b"<!DOCTYPE html>", b"PK", b"\0" * 512, b"MZ"):
        assert archive_kind(other) is None
