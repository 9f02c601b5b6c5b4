"""The web page: upload a picture, get the answer with its class activation map.

    python inference/app.py
    python inference/app.py --checkpoint output

Host, port and root path come from Gradio's environment variables: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, GRADIO_ROOT_PATH.
CHECKPOINT names the checkpoint. TITLE, or "title" in config.json, is the title of the page. UPLOAD_SECONDS is how long uploads
stay on disk (default: 600); they are in a folder of the page's own in GRADIO_TEMP_DIR. SIGHUP loads the newest checkpoint.
"""

import location  # noqa: F401 (puts the package on the path)

from mobilenetv2.runtime import starting

with starting.guarded():
    from surroundings import address, in_use, prepare_environment

    REMOVED = prepare_environment()

    import argparse
    import itertools
    import logging
    import os
    import signal
    import sys
    import threading
    from pathlib import Path
    from typing import Any, Dict, List, Optional, Tuple

    from connections import limit_connections, make_budget
    from gradio import flagging, http_server, routes
    from limits import WAITING, Limits
    from page import NEW, Page, build
    from page_folder import own_folder, remove, start_removing
    from server import Gate, Headers, Traffic
    from starlette.middleware import Middleware
    from style import STYLE
    from uploads import limit_uploads
    from visitors import Proxies

    import mobilenetv2
    from mobilenetv2.argument_names import sort_out
    from mobilenetv2.checkpoint_search import CHECKPOINT_HELP, configured_title
    from mobilenetv2.classifier import Classifier
    from mobilenetv2.data import sample
    from mobilenetv2.data.image import MAX_BYTES
    from mobilenetv2.data.layout import NEITHER
    from mobilenetv2.runtime import logs
    from mobilenetv2.runtime.errors import (
        NO_MEMORY,
        UserError,
        is_out_of_memory,
        memory_errors_in_words,
        os_errors_in_words,
    )

log = logging.getLogger(__name__)
DRAWINGS = 3  # to try, of each class
PHOTOS, MOST_TRIED = 6, 24  # to try
PAUSE = 10  # seconds between two looks whether the checkpoint is still there
# Not known to Gradio 4: it has no history of runs. Its button of settings has the same name twice for a screen reader.
LAUNCH: Dict[str, Any] = {**STYLE, "run_history": False, "footer_links": ["api", "gradio"]} if NEW else {}


def load(explicit: Optional[str]) -> Optional[Classifier]:
    """The classifier, or None without a usable checkpoint; the log then says why. explicit: as in `mobilenetv2.load`."""
    try:
        classifier = mobilenetv2.load(explicit)
    except UserError as error:
        log.error("No checkpoint to answer with. %s", error)
        return None
    log.info("Checkpoint: %s.", classifier.file)
    return classifier


def reload(page: Page, explicit: Optional[str]) -> None:
    """Answer with the newest checkpoint from now on, or with the same as before where that one cannot be used."""
    try:
        classifier = load(explicit)
    except (MemoryError, RuntimeError, OSError) as error:
        words = NO_MEMORY if is_out_of_memory(error) else str(error)
        log.error("No checkpoint to answer with. %s", words)
        classifier = None
    if classifier is None:
        log.warning("The page goes on with the checkpoint that it has.")
    else:
        page.classifier = classifier


def examples(page: Page, folder: Path) -> List[str]:
    """Write pictures to try into the folder, and return their paths.

    Where the checkpoint has the classes of the drawings, these are drawings, without those that it rejects: a checkpoint trained
    on photos may reject drawings. For other classes, they are thumbnails of training photos that it recognises; without
    thumbnails, there are none.
    """
    classifier = page.classifier
    if classifier is None:
        return []
    files: List[str] = []
    if page.knows_drawings():
        for class_, number in itertools.product(sample.CLASSES, range(DRAWINGS)):
            file = folder / f"{class_}_{number}.png"
            sample.draw(class_, [True, number]).save(file)
            if classifier.answer(file.read_bytes()).label != NEITHER:
                files.append(str(file))
        return files
    photos = list(classifier.training_photos().items())
    for class_, picture in photos[:: -(-len(photos) // MOST_TRIED) or 1]:
        file = folder / f"photo_{len(files)}.png"
        picture.save(file)
        if classifier.answer(file.read_bytes()).label == class_:
            files.append(str(file))
        if len(files) == PHOTOS:
            break
    return files


def upload_seconds() -> float:
    """How long uploads are kept. Raises UserError where UPLOAD_SECONDS is not a whole number above 0."""
    text = os.environ.get("UPLOAD_SECONDS", "600")
    if not text.isdecimal() or int(text[:9]) < 1 or len(text) > 9:
        raise UserError(f"UPLOAD_SECONDS={text[:50]}: expected a whole number of seconds, 1 or more")
    return int(text)


class Requests:
    """What signals ask of the page: to stop, or to load the newest checkpoint."""

    def __init__(self) -> None:
        self.stop = self.reload = False
        self._asked = threading.Event()
        self._terminal = sys.stdin is not None and sys.stdin.isatty()

    def ask(self, number: int, *_: Any) -> None:
        """The handler of a signal. SIGHUP asks to stop, too, where it says that the terminal of the page was closed."""
        if number in starting.SIGNALS or (self._terminal and not sys.stdin.isatty()):
            self.stop = True
        else:
            self.reload = True
        self._asked.set()

    def wait(self, seconds: float) -> None:
        """Until something is asked, at most so long."""
        self._asked.wait(seconds)
        self._asked.clear()


def launch(blocks: Any, place: Tuple[str, int], middleware: List[Middleware]) -> None:
    """Open the page at this host and port. Raises UserError where another program has just taken the port."""
    host, port = place
    if host.startswith("["):
        http_server.LOCALHOST_NAME = "127.0.0.1"  # where Gradio tries the port, in IPv4 only
    try:
        blocks.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,  # Gradio would explain how to share the page by its own server
            enable_monitoring=False,
            max_file_size=MAX_BYTES,
            app_kwargs={"middleware": middleware},
            prevent_thread_lock=True,
            state_session_capacity=WAITING,  # Gradio keeps 50 KB of state per visitor
            **LAUNCH,
        )
    except OSError as error:
        if "Cannot find empty port" in str(error):
            raise UserError(in_use(port)) from None
        raise
    print(f"* Running on local URL:  http://{host}:{port}\n* To end the page, press Ctrl-C here.", flush=True)


def serve(explicit: Optional[str], title: Optional[str]) -> None:
    """Serve the page until SIGTERM or SIGINT. title: in place of that from the classes. Raises UserError where it cannot be
    served."""
    traffic, requests = Traffic(), Requests()
    seconds, place, proxies = upload_seconds(), address(), Proxies.of_environment()
    budget = make_budget()
    limit_connections(budget, proxies)
    limit_uploads(budget.uploads)
    with own_folder(seconds) as folder:

        def leave(number: int, *_: Any) -> None:
            remove(folder)
            starting.end(128 + number, "Stopped.")

        for number in starting.SIGNALS:
            signal.signal(number, leave)  # MindSpore would abort on an exception
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, requests.ask)
        page = Page(load(explicit), seconds, title)
        # Gradio's lock is one of several processes, which needs a /dev/shm that can be written to.
        vars(flagging)["Lock"] = threading.Lock
        # Gradio 6 would make a folder for its editor outside of this one, which may be that of another user.
        vars(routes)["DEFAULT_TEMP_DIR"] = str(folder)
        blocks = build(page, examples(page, folder), seconds)
        start_removing(folder, seconds)
        limits = Middleware(Limits, blocks=blocks, proxies=proxies)
        launch(blocks, place, [Middleware(Headers), Middleware(Gate, traffic=traffic), limits])
        for number in starting.SIGNALS:
            signal.signal(number, requests.ask)
        said = False
        while not requests.stop:
            requests.wait(PAUSE)
            if requests.reload:
                requests.reload, said = False, False
                reload(page, explicit)
            if page.classifier and not said and not page.classifier.is_current():
                said = True
                log.warning("%s was changed or removed. The page goes on with what it read.", page.classifier.file)
        log.info("Stopping: answering what was asked.")
        traffic.finish()
        blocks.close(verbose=False)


def main() -> int:
    """Serve the page until SIGTERM or SIGINT. Returns the exit code: 2 where it cannot be opened."""
    logs.log_to_stderr()
    # Gradio sends requests to itself at the start; and what is wrong with an upload is for its visitor, not for the log.
    for name in ("httpx", "python_multipart", "multipart"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if REMOVED:
        log.warning("Ignored environment variables: %s.", ", ".join(REMOVED))
    parser = argparse.ArgumentParser(description="The upload page.", allow_abbrev=False)
    parser.add_argument("--checkpoint", metavar="PATH", help=CHECKPOINT_HELP)
    title = os.environ.get("TITLE") or configured_title()
    parser.add_argument("--title", default=title, help="title of the page (default: from the classes)")
    options, rest = parser.parse_known_args()  # platforms add other arguments
    errors, unknown = sort_out(rest, {"checkpoint": False, "title": False, "help": False}, folder="checkpoint")
    if unknown:
        log.warning("Ignored arguments: %s. This program does not know them.", ", ".join(unknown))
    if errors:
        log.error("%s", "\n".join(errors))
        return 2
    try:
        with memory_errors_in_words(), os_errors_in_words():
            serve(options.checkpoint, options.title)
        return 0
    except UserError as error:
        log.error("%s", error)
        return 2


if __name__ == "__main__":
    code = main()
    if code:
        starting.end(code)
    sys.exit(code)
