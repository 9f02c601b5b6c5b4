"""A folder with a static page that answers pictures in the visitor's browser, for `export.py --format web`.

The page is put together from the files in web/. It needs the exported network and onnxruntime-web beside it."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from shlex import quote
from typing import Dict, List, Optional

from mobilenetv2.runtime.errors import UserError, reason
from mobilenetv2.runtime.files import atomic, make_folder, open_file, read_file, user_path
from mobilenetv2.runtime.own_files import PROGRAM

SOURCES = Path(__file__).with_name("web")
SCRIPTS = ("texts.js", "container.js", "resize.js", "picture.js", "network.js", "main.js")  # in this order
FORMATS = {"web": "onnx", "web-8bit": "onnx-8bit"}  # of export.py, and of the network that is beside the page
PAGE, NETWORK = "index.html", "model.onnx"
MARK = f'<meta name="generator" content="{PROGRAM}">'  # of a page that may be replaced
PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
RUNTIME = {  # its files that the page loads, with their SHA-256
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
ARCHIVE = f"{PACKAGE}-{VERSION}.tgz"
COMMAND = (
    f"npm pack {PACKAGE}@{VERSION} && tar -xzf {ARCHIVE} --strip-components=2 "
    f"{' '.join(f'package/dist/{name}' for name in RUNTIME)} && rm {ARCHIVE}"
)
LARGEST = 2**25  # bytes of a file of onnxruntime-web
SECONDS = 600  # that npm may take
START = 2**12  # bytes of a page that hold its mark


def network_format(formats: str, given: str) -> Optional[str]:
    """For a page, the format of the network beside it; None where no page is asked for. formats, given: of --format and --input.

    Raises UserError for a page together with other formats, or with another input than it has."""
    names = [name.strip().lower() for name in formats.split(",")]
    found = [name for name in names if name in FORMATS]
    if not found:
        return None
    if len(names) > 1:
        raise UserError(
            f"--format={formats}: {found[0]} fills a folder of its own; export the others by another command"
        )
    if given != "u8":
        raise UserError(f"--input={given}: the page gives its network u8; leave --input out")
    return FORMATS[found[0]]


def check_folder(output: str, download: bool) -> Path:
    """The folder to write to. download: whether npm will be needed. Raises UserError where that cannot be, or where a page of
    somebody else would be overwritten."""
    folder = user_path(output)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output={output}: a file; --format web needs a folder")
    page = folder / PAGE
    if page.exists() and not _is_own(page):
        raise UserError(f"{page}: not written by this program, and would be overwritten; choose another place")
    if download and not shutil.which("npm"):
        raise UserError(
            f"--download: the program npm, which gets {PACKAGE}, is not installed; install Node.js, or run this elsewhere and "
            f"copy the files into {folder}: {COMMAND}"
        )
    make_folder(folder)
    return folder


def write_page(folder: Path) -> None:
    """The page alone. Raises OSError."""
    with atomic(folder / PAGE) as temporary:
        temporary.write_text(page_text(), encoding="utf-8")


def page_text() -> str:
    """The page, with its style and scripts in it."""

    def source(name: str) -> str:
        return read_file(SOURCES / name, LARGEST).decode("utf-8").rstrip()

    parts = {
        "mark": MARK,
        "style": source("style.css"),
        "script": "\n\n".join(map(source, SCRIPTS)),
        "runtime_command": COMMAND,
    }
    text = source("page.html")
    for name, part in parts.items():
        text = text.replace("{{" + name + "}}", part)
    return text + "\n"


def missing_files(folder: Path) -> List[str]:
    """Files of onnxruntime-web that are not in the folder, or not those of VERSION."""

    def digest(name: str) -> str:
        try:
            return hashlib.sha256(read_file(folder / name, LARGEST)).hexdigest()
        except OSError:
            return ""

    return [name for name, expected in RUNTIME.items() if digest(name) != expected]


def next_steps(folder: Path) -> List[str]:
    """Lines that say what to do with the folder."""
    place, missing = quote(str(folder)), missing_files(folder)
    steps = [f"The page needs {PACKAGE} beside it: cd {place} && {COMMAND}"] if missing else []
    serve = f"python -m http.server --bind 127.0.0.1 --directory {place} 8000"
    return [*steps, f"To try it, open http://127.0.0.1:8000 after: {serve}"]


def fetch_runtime(folder: Path) -> None:
    """Get the files of RUNTIME from the registry that npm is set up for. Raises UserError where that fails, or where a file is
    not the one that is expected."""
    with tempfile.TemporaryDirectory() as temporary:
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
        try:
            done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, timeout=SECONDS)
            problem = (
                "" if done.returncode == 0 else (done.stderr or done.stdout).strip()[-300:] or "it does not say why"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            problem = str(error)
        if problem:
            raise UserError(
                f"{PACKAGE} cannot be fetched by npm ({problem}); where there is a network, run this and copy the files into "
                f"{folder}: {COMMAND}"
            )
        contents = _unpack(Path(temporary) / ARCHIVE)
    for name, content in contents.items():
        with atomic(folder / name) as file:
            file.write_bytes(content)


def _unpack(archive: Path) -> Dict[str, bytes]:
    contents = {}
    try:
        with tarfile.open(archive) as packed:
            for name in RUNTIME:
                stream = packed.extractfile(f"package/dist/{name}")
                contents[name] = stream.read(LARGEST) if stream else b""
    except (OSError, tarfile.TarError, KeyError) as error:
        problem = reason(error) if isinstance(error, OSError) else error
        raise UserError(f"{ARCHIVE}: not the package that is expected ({problem})") from None
    for name, content in contents.items():
        found = hashlib.sha256(content).hexdigest()
        if found != RUNTIME[name]:
            raise UserError(f"{ARCHIVE}: {name} is not the file that is expected: its SHA-256 is {found}")
    return contents


def _is_own(page: Path) -> bool:
    try:
        with open_file(page) as stream:
            return MARK.encode() in stream.read(START)
    except OSError:
        return False
