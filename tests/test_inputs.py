"""--data_url, --pretrain_url and --teacher_url: folders, archives, addresses, and what --download has to do with them."""

import hashlib
import io
import re

import numpy as np
import pytest
import standins
from conftest import ROOT, Run
from file_server import Files
from packing import tar_bytes, zip_bytes
from PIL import Image

from mobilenetv2.config import Settings
from mobilenetv2.data import download
from mobilenetv2.inputs import read_inputs
from mobilenetv2.runtime.errors import UserError

pytestmark = pytest.mark.usefixtures("on_cpu")
BUILT_IN = ROOT / "train/train_dir/mobilenetv2/model/pretrained.ckpt"


def photo(number):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


NAMES = [
    f"set/{split}/{name}/{number}.jpg" for split in ("train", "val") for name in ("狗", "cat") for number in range(3)
]
PHOTOS = {name: photo(number) for number, name in enumerate(NAMES)}


@pytest.fixture
def server():
    with Files() as server:
        server.content["photos.zip"] = zip_bytes(PHOTOS)
        server.content["weights.zip"] = zip_bytes({"w/weights.ckpt": BUILT_IN.read_bytes(), "w/readme.txt": b"x"})
        server.content["weights.ckpt"] = BUILT_IN.read_bytes()
        yield server
        server.shutdown()


@pytest.fixture
def read(tmp_path):
    """Settings -> photos and weights."""
    return lambda **named: read_inputs(Settings(cache_dir=str(tmp_path / "cache"), **named), tmp_path / "output")


@pytest.fixture
def as_folder(tmp_path, read):
    for name, data in PHOTOS.items():
        (tmp_path / "plain" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "plain" / name).write_bytes(data)
    return read(data_url=str(tmp_path / "plain"))[0]


def written(place, data):
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(data)
    return str(place)


def test_archives_are_the_same_photos_as_their_folder(tmp_path, read, as_folder, caplog):
    caplog.set_level("INFO")
    flat = {name[len("set/") :]: data for name, data in PHOTOS.items()}
    for number, data in enumerate(
        (zip_bytes(PHOTOS), tar_bytes(PHOTOS, "w:gz"), zip_bytes(flat), tar_bytes(PHOTOS, "w:xz"))
    ):
        alone = tmp_path / f"{number}"
        path = written(alone / "photos.bin", data)
        for url in (path, str(alone), f"{alone}/", f'[{{"containerPath": "{alone}"}}]')[: 1 if number else 4]:
            found, _ = read(data_url=url)
            assert found.classes == ("cat", "狗") and found.fingerprint() == as_folder.fingerprint()
            assert found.counts("train") == found.counts("val") == {"cat": 3, "狗": 3}
    assert f"{tmp_path / '0'} holds nothing but the archive photos.bin, which is taken." in caplog.text


def test_an_archive_beside_photos_is_no_data_set(tmp_path, read, as_folder):
    written(tmp_path / "plain" / "backup.zip", zip_bytes({"train/other/1.jpg": b"x"}))
    assert read(data_url=str(tmp_path / "plain"))[0].fingerprint() == as_folder.fingerprint()


def test_weights_in_archives(tmp_path, read, server, as_folder):
    photos = str(tmp_path / "plain")
    _, direct = read(data_url=photos, pretrain_url=str(BUILT_IN))
    packed = written(tmp_path / "w" / "weights.zip", server.content["weights.zip"])
    for url in (
        packed,
        str(tmp_path / "w"),
        written(tmp_path / "t.tar.bz2", tar_bytes({"w.ckpt": BUILT_IN.read_bytes()}, "w:bz2")),
    ):
        for named in ({"pretrain_url": url}, {"teacher_url": url}):
            _, found = read(data_url=photos, **named)
            assert found.classes == direct.classes
            assert all(np.array_equal(found.backbone[name], value) for name, value in direct.backbone.items())


def test_weights_that_are_archives_by_their_bytes(tmp_path, read, as_folder):
    """.npz is one, and so is what PyTorch writes, which is code: neither is unpacked."""
    buffer = io.BytesIO()
    np.savez(buffer, **standins.torchvision())
    _, found = read(data_url=str(tmp_path / "plain"), pretrain_url=written(tmp_path / "w.npz", buffer.getvalue()))
    assert found.naming == "torchvision"
    pth = written(tmp_path / "w.pth", zip_bytes({"archive/data.pkl": b"x"}))
    with pytest.raises(UserError, match=r"w\.pth: weights must be a file that ends in \.ckpt, \.npz, \.safetensors"):
        read(data_url=str(tmp_path / "plain"), pretrain_url=pth)
    assert not (tmp_path / "cache" / "unpacked").exists()


def test_addresses_with_download(server, read, as_folder):
    for _ in range(2):
        photos, weights = read(
            data_url=server.url("photos.zip"), pretrain_url=server.url("weights.ckpt"), download=True
        )
        assert photos.fingerprint() == as_folder.fingerprint() and weights.classes == ("croissants", "dog")
    assert len(server.requests) == 4
    _, weights = read(data_url=server.url("photos.zip"), teacher_url=server.url("weights.zip"), download=True)
    assert weights.classes == ("croissants", "dog")


def test_with_an_address_download_gets_nothing_else(server, read, monkeypatch):
    """The built-in network is then still to be had, where no server but this one can be reached."""
    monkeypatch.setattr(download, "WEIGHTS", (server.source("weights.ckpt"),))
    _, weights = read(data_url=server.url("photos.zip"), download=True)
    assert weights.naming == "the built-in network" and [path for path, _ in server.requests] == ["/photos.zip"]


def test_addresses_without_download(server, read):
    with pytest.raises(UserError) as caught:
        read(data_url=server.url("photos.zip?key=secret"), pretrain_url=server.url("weights.ckpt"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and all(
        "an address, which is downloaded only with --download; add it" in line for line in lines
    )
    assert server.requests == [] and "secret" not in str(caught.value)


def test_an_archive_that_is_not_there(tmp_path, read):
    with pytest.raises(UserError, match=r"photos\.zip: there is no such folder of photos; look for a typing error"):
        read(data_url=str(tmp_path / "photos.zip"))
    with pytest.raises(UserError, match=r"w\.zip: there is no such file or folder of weights; look for a typing error"):
        read(data_url=str(tmp_path / "photos.zip"), pretrain_url=str(tmp_path / "w.zip"))


def test_both_problems_at_once(server, read, tmp_path, as_folder):
    with pytest.raises(UserError) as caught:
        read(data_url="obs://bucket/photos", pretrain_url=server.url("gone.ckpt"), download=True)
    assert re.match(
        r"obs://bucket/photos: addresses that begin with obs:// cannot be read.*\n.*gone.ckpt: .*404", str(caught.value)
    )
    with pytest.raises(UserError) as caught:
        read(data_url=str(tmp_path / "plain"), pretrain_url="s3://bucket/w.ckpt", download=True)
    assert str(caught.value).count("s3://bucket/w.ckpt") == 1


def test_what_is_at_an_address_may_be_something_else(server, read):
    server.content.update(
        {"a.jpg": photo(0), "w.pth": zip_bytes({"archive/data.pkl": b"x"}), "w.zip": zip_bytes({"a.txt": b"x"})}
    )
    with pytest.raises(
        UserError, match=r"a file, where a folder of photos is expected, or a \.zip or \.tar archive of one"
    ):
        read(data_url=server.url("a.jpg"), download=True)
    with pytest.raises(UserError, match="weights must be a file that ends in"):
        read(data_url=server.url("photos.zip"), pretrain_url=server.url("w.pth"), download=True)
    with pytest.raises(UserError, match=r"w\.zip: .*/files: expected one file of weights .* found none"):
        read(data_url=server.url("photos.zip"), pretrain_url=server.url("w.zip"), download=True)


def test_what_download_gets_by_itself(server, read, monkeypatch, as_folder):
    digest = hashlib.sha256(server.content["weights.ckpt"]).hexdigest()
    monkeypatch.setattr(download, "PHOTOS", (server.source("photos.zip"),))
    monkeypatch.setattr(download, "WEIGHTS", (server.source("gone"), server.source("weights.ckpt", digest)))
    photos, weights = read(download=True)
    assert photos.fingerprint() == as_folder.fingerprint() and weights.classes == ("croissants", "dog")
    read(download=True)
    assert [path for path, _ in server.requests] == ["/photos.zip", "/gone", "/weights.ckpt"]
    server.content.clear()
    monkeypatch.setattr(download, "PHOTOS", (server.source("more.zip"),))
    monkeypatch.setattr(download, "WEIGHTS", (server.source("more.ckpt", digest),))
    with pytest.raises(
        UserError, match=r"(?s)The tutorial's photos: cannot be.*more\.zip.*ImageNet weights: cannot be.*more\.ckpt"
    ):
        read(download=True)


def test_a_damaged_download_is_not_kept(server, read, monkeypatch, as_folder, tmp_path):
    whole = server.content["photos.zip"]
    monkeypatch.setattr(download, "PHOTOS", (server.source("photos.zip"),))
    monkeypatch.setattr(download, "WEIGHTS", (server.source("weights.ckpt"),))
    for wrong in (whole[:-80], b"<html>Log in to this network</html>", whole.replace(photo(0)[-80:-40], bytes(40))):
        server.content["photos.zip"] = wrong
        with pytest.raises(UserError, match=r"(?s)photos\.zip: .*It is deleted: start again to download it anew"):
            read(download=True)
        assert [path.name for path in (tmp_path / "cache" / "downloads").iterdir()] == ["weights.ckpt"]
    server.content["photos.zip"] = whole
    assert read(download=True)[0].fingerprint() == as_folder.fingerprint()


def test_an_archive_without_an_argument_is_asked_for():
    assert (
        "photos.zip: nothing before it says what it is; did you mean --data_url=photos.zip?"
        in Run(["photos.zip"], ROOT).err
    )


def test_a_whole_run(tmp_path, server, as_folder):
    """An archive, an address and the folder end in the same checkpoint, byte for byte."""
    digests = set()
    written(tmp_path / "alone" / "photos.zip", server.content["photos.zip"])
    for number, url in enumerate(
        (str(tmp_path / "plain"), str(tmp_path / "alone"), server.url("photos.zip?key=secret"))
    ):
        arguments = ["--data_url", url, "--output_path", number, "--cache_dir", tmp_path / "cache", "--epochs=2"]
        arguments += ["--download"] * url.startswith("http")
        run = Run(arguments, tmp_path)
        assert run.code == 0, run.out + run.err
        digests.add(hashlib.sha256((tmp_path / str(number) / "mobilenetv2.ckpt").read_bytes()).hexdigest())
        log = (tmp_path / str(number) / "train.log").read_text(encoding="utf-8")
        assert ("unpacked" in log) == (number > 0)
        texts = [path.read_bytes() for path in (tmp_path / str(number)).iterdir() if path.is_file()]
        assert texts and not any(b"secret" in text for text in texts)
    assert len(digests) == 1


def test_data_and_weights_are_reported_together(tmp_path):
    run = Run(["--data_url=nowhere", "--pretrain_url=nothing.ckpt", "--output_path=out"], tmp_path)
    assert run.code == 2 and "Traceback" not in run.out + run.err
    assert "nowhere: there is no such folder of photos" in run.out
    assert "nothing.ckpt: there is no such file or folder of weights" in run.out
