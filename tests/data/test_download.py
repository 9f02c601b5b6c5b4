"""--download, against a server of its own that serves files with ranges, breaks connections, or says nonsense."""

import errno
import hashlib
import io
import os
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, List, Tuple

import pytest
from conftest import ROOT, Run, metrics

from mobilenetv2.data import download, sample
from mobilenetv2.data.download import Source, fetch
from mobilenetv2.runtime.errors import UserError

DATA = bytes(range(256)) * 20_000  # 5 MB


class Files(ThreadingHTTPServer):
    """content: path -> bytes. requests: (path, Range or ""). breaks: after how many bytes each answer ends; 0: never.
    ranges: whether it can begin in the middle."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content: Dict[str, bytes] = {}
        self.requests: List[Tuple[str, str]] = []
        self.breaks, self.ranges = 0, True
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()  # looks so often whether to end

    def source(self, name: str, sha256: str = "") -> Source:
        return Source(f"http://127.0.0.1:{self.server_port}/{name}", sha256)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        wanted, data = self.headers.get("Range", ""), self.server.content.get(self.path[1:])
        self.server.requests.append((self.path, wanted))
        if data is None:
            return self.send_error(404)
        start = int(wanted[len("bytes=") : -1]) if wanted and self.server.ranges else 0
        if start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = start + self.server.breaks if self.server.breaks else len(data)
        self.wfile.write(data[start:end])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Files() as server:
        server.content["data.bin"] = DATA
        yield server
        server.shutdown()


def test_a_broken_download_goes_on_where_it_broke(server, tmp_path):
    server.breaks = 2_000_000
    source = server.source("data.bin", hashlib.sha256(DATA).hexdigest()[:8])
    for kept in (2_000_000, 4_000_000):
        with pytest.raises(UserError, match=f"broke after {kept} of 5120000 bytes.*the same command goes on"):
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
    with pytest.raises(UserError, match=r"not the file that is expected.*not d5532038\.\.\.; deleted"):
        fetch(server.source("data.bin", "d5532038"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_connection(server, tmp_path):
    source = server.source("data.bin")
    server.shutdown()
    server.server_close()
    with pytest.raises(
        UserError, match=r"cannot be downloaded.*refused.*Behind a firewall, get the file in some other way"
    ):
        fetch(source, tmp_path)


def archive(names: Dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as content:
        for name, data in names.items():
            content.writestr(name, data)
    return buffer.getvalue()


def test_an_archive_writes_nowhere_else(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PHOTOS", server.source("photos.zip"))
    server.content["photos.zip"] = archive({"../../evil.txt": b"x", "train/dog/1.jpg": b"y"})
    unpacked = download.download_photos(tmp_path / "a" / "b")
    assert unpacked == tmp_path / "a" / "b" / "photos" and (unpacked / "train/dog/1.jpg").read_bytes() == b"y"
    assert {file.name for file in tmp_path.rglob("*.txt")} == {"evil.txt"} and (unpacked / "evil.txt").is_file()
    server.content["photos.zip"] = archive({"train/dog/1.jpg": b"y" * 1000})[:-80]
    with pytest.raises(UserError, match=r"not a sound \.zip file.*deleted"):
        download.download_photos(tmp_path / "c")
    assert list((tmp_path / "c").iterdir()) == []


def test_a_disk_that_refuses_to_rename_has_the_photos(server, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "replace", refuse)
    monkeypatch.setattr(download, "PHOTOS", server.source("photos.zip"))
    server.content["photos.zip"] = archive({"train/dog/1.jpg": b"y"})
    for _ in range(2):
        assert (download.download_photos(tmp_path) / "train/dog/1.jpg").read_bytes() == b"y"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["photos", "photos.zip"] and len(server.requests) == 1


def test_what_is_no_file_is_not_waited_for(server, tmp_path):
    os.mkfifo(tmp_path / "data.bin.part")
    with pytest.raises(UserError, match=r"cannot be downloaded.*a named pipe, not a file"):
        fetch(server.source("data.bin"), tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be downloaded.*a file is in the place of the folder"):
        fetch(server.source("data.bin"), tmp_path / "file")


def test_sizes_are_bounded(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "LARGEST", 1_000_000)
    with pytest.raises(UserError, match="its size is not known, or more than"):
        fetch(server.source("data.bin"), tmp_path)
    monkeypatch.setattr(download, "PHOTOS", server.source("photos.zip"))
    server.content["photos.zip"] = archive({"train/dog/1.jpg": b"y" * 1_000_001}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="more than 0 GiB unpacked"):
        download.download_photos(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["photos.zip"]


def test_a_damaged_archive_is_not_kept(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PHOTOS", server.source("photos.zip"))
    damaged = bytearray(archive({"train/dog/1.jpg": bytes(range(256)) * 40}, zipfile.ZIP_DEFLATED))
    damaged[50:120] = b"\xff" * 70
    server.content["photos.zip"] = bytes(damaged)
    with pytest.raises(UserError, match=r"not a sound \.zip file.*deleted"):
        download.download_photos(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_training_on_what_was_downloaded(server, tmp_path, cache):
    """The whole program, with this server in the place of mindspore.cn; a second run asks it for nothing."""
    sample.write_sample(tmp_path / "drawn")
    names = {split: sorted((tmp_path / "drawn" / split).glob("*/*"))[::5] for split in ("train", "val")}
    pictures = {
        str(file.relative_to(tmp_path / "drawn")): file.read_bytes() for split in names for file in names[split]
    }
    server.content["DogCroissants.zip"] = archive({f"DogCroissants/{name}": data for name, data in pictures.items()})
    weights = (ROOT / "train/train_dir/mobilenetv2/model/pretrained.ckpt").read_bytes()
    server.content["weights.ckpt"] = weights
    program = tmp_path / "program.py"
    sources = server.source("DogCroissants.zip"), server.source("weights.ckpt", hashlib.sha256(weights).hexdigest()[:8])
    program.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'train' / 'train_dir')!r})\n"
        "import train\nfrom mobilenetv2.data import download\nfrom mobilenetv2.data.download import Source\n"
        f"download.PHOTOS, download.WEIGHTS = {sources!r}\nsys.exit(train.main(sys.argv[1:]))\n"
    )
    arguments = ["--download", "--epochs=2", f"--cache_dir={tmp_path / 'cache'}"]
    for asked in (2, 2):
        run = Run(arguments, tmp_path, program=program)
        assert run.code == 0, run.out + run.err
        assert len(server.requests) == asked
    assert metrics(tmp_path / "output")["data"]["train"] == {"croissants": 16, "dog": 16}
    assert metrics(tmp_path / "output")["origin"]["weights"] == "this program"
