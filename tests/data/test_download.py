"""--download, against a server of its own that serves files with ranges, breaks connections, or says nonsense."""

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import ROOT, Run, metrics
from file_server import Files
from packing import zip_bytes

from mobilenetv2.data import download, sample
from mobilenetv2.runtime.errors import UserError
from mobilenetv2.runtime.files import SUFFIXES

DATA = bytes(range(256)) * 20_000  # 5 MB


@pytest.fixture
def server():
    with Files() as server:
        server.content["data.bin"] = DATA
        yield server
        server.shutdown()


def fetch(source, folder: Path) -> Path:
    return download.fetch((source,), folder, "The file", "--data_url")


def test_a_broken_download_goes_on_where_it_broke(server, tmp_path):
    server.breaks = 2_000_000
    source = server.source("data.bin", hashlib.sha256(DATA).hexdigest()[:8])
    for kept in (2_000_000, 4_000_000):
        with pytest.raises(
            UserError, match=f"(?s)broke after {kept} of 5120000 bytes.*the same command again, which goes on"
        ):
            fetch(source, tmp_path)
        assert (tmp_path / "data.bin.part").stat().st_size == kept and not (tmp_path / "data.bin").exists()
    assert fetch(source, tmp_path).read_bytes() == DATA
    assert [wanted for _, wanted in server.requests] == ["", "bytes=2000000-", "bytes=4000000-"]
    assert fetch(source, tmp_path) == tmp_path / "data.bin" and len(server.requests) == 3  # it is there
    assert [file.name for file in tmp_path.iterdir()] == ["data.bin"]


def test_a_server_without_ranges_begins_anew(server, tmp_path):
    server.ranges = False
    (tmp_path / "data.bin.part").write_bytes(b"x" * 1000)
    assert fetch(server.source("data.bin"), tmp_path).read_bytes() == DATA


def test_all_of_it_was_there(server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(DATA)
    assert fetch(server.source("data.bin"), tmp_path).read_bytes() == DATA
    (tmp_path / "data.bin").rename(tmp_path / "data.bin.part")
    with open(tmp_path / "data.bin.part", "ab") as stream:
        stream.write(b"more")
    with pytest.raises(UserError, match="longer than the file, deleted"):
        fetch(server.source("data.bin"), tmp_path)
    assert fetch(server.source("data.bin"), tmp_path).read_bytes() == DATA


def test_another_file_than_expected_is_not_kept(server, tmp_path):
    with pytest.raises(UserError, match=r"not the file that is expected.*not d5532038\.\.\."):
        fetch(server.source("data.bin", "d5532038"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_connection(server, tmp_path):
    source = server.source("data.bin")
    server.shutdown()
    server.server_close()
    with pytest.raises(
        UserError, match=r"(?s)cannot be downloaded.*refused.*behind a firewall, get\nthis file with a browser"
    ):
        fetch(source, tmp_path)


def test_what_is_no_file_is_not_waited_for(server, tmp_path):
    os.mkfifo(tmp_path / "data.bin.part")
    with pytest.raises(UserError, match=r"(?s)cannot be downloaded.*a named pipe, not a file"):
        fetch(server.source("data.bin"), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be downloaded.*a file is in the place of the folder"):
        fetch(server.source("data.bin"), tmp_path / "file")


DIGEST = hashlib.sha256(DATA).hexdigest()


def places(server):
    """Three of one file, of which the last has it, and one of another file."""
    server.content.update({"wrong": b"another file", "right": DATA})
    ours = [server.source(name, DIGEST, "weights.npz") for name in ("wrong", "gone", "right")]
    return (*ours, server.source("data.bin", "0" * 64))


def test_places_are_asked_one_after_the_other(server, tmp_path, caplog):
    found = download.fetch(places(server), tmp_path, "Weights", "--pretrain_url")
    assert found == tmp_path / "weights.npz" and found.read_bytes() == DATA
    assert [path for path, _ in server.requests] == ["/wrong", "/gone", "/right"]
    wrong = hashlib.sha256(b"another file").hexdigest()
    said = [record.getMessage() for record in caplog.records]
    assert f"its SHA-256 is {wrong}, not {DIGEST}" in said[0] and "/gone: HTTP Error 404" in said[1]
    assert [file.name for file in tmp_path.iterdir()] == ["weights.npz"]


def test_what_to_fetch_by_hand_is_said(server, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["train/train_dir/train.py", "--download", "--output_path", "my results"])
    wanted = places(server)
    server.content.clear()
    with pytest.raises(UserError) as caught:
        download.fetch(wanted, tmp_path, "Weights", "--pretrain_url")
    said = str(caught.value)
    assert all(f"  {source.url}: HTTP Error 404: Not Found\n" in said for source in wanted)
    assert (
        f"  1. to be saved as {tmp_path}/weights.npz, SHA-256 {DIGEST}, from\n     {wanted[0].url}\n     or {wanted[1].url}\n"
        f"     or {wanted[2].url}\n  2. to be saved as {tmp_path}/data.bin, SHA-256 {'0' * 64}, from\n     {wanted[3].url}\n"
        in said
    )
    assert "\n  python train/train_dir/train.py --download --output_path 'my results'\n" in said
    assert "--pretrain_url=FILE" in said
    (tmp_path / "weights.npz").write_bytes(DATA)  # as it says
    server.requests.clear()
    assert download.fetch(wanted, tmp_path, "Weights", "--pretrain_url").read_bytes() == DATA and server.requests == []


def test_a_file_put_there_by_hand_is_checked(server, tmp_path, caplog):
    (tmp_path / "weights.npz").write_bytes(DATA[:-1])  # cut off
    assert download.fetch(places(server), tmp_path, "Weights", "--pretrain_url").read_bytes() == DATA
    assert "weights.npz: not used, its SHA-256 is" in caplog.records[0].getMessage()


def test_a_full_disk_is_not_the_fault_of_a_place(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "append_rest", full)
    with pytest.raises(UserError, match=r"No space left on device\); free some space or choose another --cache_dir$"):
        download.fetch(places(server), tmp_path, "Weights", "--pretrain_url")


def test_two_runs_at_once_download_once(server, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: fetch(server.source("data.bin", DIGEST), tmp_path), range(2)))
    assert found[0].read_bytes() == DATA and len(server.requests) == 1


def test_sizes_are_bounded(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LARGEST", 1_000_000)
    for server.sized in (True, False):
        with pytest.raises(UserError, match="more than 1 MiB, which is the limit"):
            fetch(server.source("data.bin"), tmp_path / str(server.sized))


def test_the_known_places():
    """Each names its file by a whole hash, or by as much of it as is published, under a name that is read as weights."""
    assert all(source.url.startswith("https://") for source in (*download.WEIGHTS, *download.PHOTOS))
    assert all(len(source.sha256) in (8, 64) and source.name.endswith(SUFFIXES) for source in download.WEIGHTS)
    by_name = {source.name: source.sha256 for source in download.WEIGHTS}
    assert len(by_name) == len(set(by_name.values())) == 3 and all(
        by_name[s.name] == s.sha256 for s in download.WEIGHTS
    )
    for page in ("docs/training.md", "docs/zh/training.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert all(source.url in text and f"`{source.sha256}`" in text for source in download.WEIGHTS)
        assert download.PHOTOS[0].url in text
    hosts = [source.url.split("/")[2] for source in download.WEIGHTS]
    assert {"download.mindspore.cn", "huggingface.co", "modelscope.cn"} < set(hosts)


def test_training_on_what_was_downloaded(server, tmp_path, cache):
    """The whole program, with this server in the place of mindspore.cn; a second run asks it for nothing."""
    sample.write_sample(tmp_path / "drawn")
    names = {split: sorted((tmp_path / "drawn" / split).glob("*/*"))[::5] for split in ("train", "val")}
    pictures = {
        str(file.relative_to(tmp_path / "drawn")): file.read_bytes() for split in names for file in names[split]
    }
    server.content["DogCroissants.zip"] = zip_bytes({f"DogCroissants/{name}": data for name, data in pictures.items()})
    weights = (ROOT / "train/train_dir/mobilenetv2/model/pretrained.ckpt").read_bytes()
    server.content["weights.ckpt"] = weights
    program = tmp_path / "program.py"
    digest = hashlib.sha256(weights).hexdigest()
    sources = (server.source("DogCroissants.zip"),), (server.source("gone"), server.source("weights.ckpt", digest))
    program.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'train' / 'train_dir')!r})\n"
        "import train\nfrom mobilenetv2.data import download\nfrom mobilenetv2.data.download import Source\n"
        f"download.PHOTOS, download.WEIGHTS = {sources!r}\nsys.exit(train.main(sys.argv[1:]))\n"
    )
    arguments = ["--download", "--epochs=2", f"--cache_dir={tmp_path / 'cache'}"]
    for asked in (3, 3):
        run = Run(arguments, tmp_path, program=program)
        assert run.code == 0, run.out + run.err
        assert len(server.requests) == asked
    log = (tmp_path / "output" / "train.log").read_text(encoding="utf-8")
    assert "was unpacked before, into" in log
    assert metrics(tmp_path / "output")["data"]["train"] == {"croissants": 16, "dog": 16}
    assert metrics(tmp_path / "output")["origin"]["weights"] == "this program"
