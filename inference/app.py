"""The web page: upload a picture, get the answer with its class activation map.

    python inference/app.py
    python inference/app.py --checkpoint output

Host, port and root path come from Gradio's environment variables: GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, GRADIO_ROOT_PATH.
CHECKPOINT names the checkpoint, too. UPLOAD_SECONDS is how long uploads stay on disk (default: 600).
"""

import argparse
import itertools
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import List, Optional

from checkpoints import find_checkpoint
from connections import limit_connections, make_budget
from limits import WAITING, Limits
from page import NEW, STYLE, Page, build
from server import Gate, Headers, Traffic, remove_uploads, temporary_folder
from starlette.middleware import Middleware
from uploads import limit_uploads
from visitors import Proxies

from mobilenetv2.classifier import Classifier
from mobilenetv2.data import sample
from mobilenetv2.data.image import MAX_BYTES
from mobilenetv2.data.layout import NEITHER
from mobilenetv2.runtime import logs
from mobilenetv2.runtime.errors import UserError, os_error_words

log = logging.getLogger(__name__)
EXAMPLES = 3  # example pictures of each class


def load(explicit: Optional[str]) -> Optional[Classifier]:
    """The classifier, or None without a usable checkpoint; the log then says why. explicit: as in `find_checkpoint`."""
    try:
        classifier = Classifier(find_checkpoint(explicit))
    except UserError as error:
        log.error("No checkpoint to answer with. %s", error)
        return None
    log.info("Checkpoint: %s.", classifier.file)
    return classifier


def examples(classifier: Optional[Classifier], folder: Path) -> List[str]:
    """Write drawings to try into the folder, and return their paths.

    There are none where the checkpoint has other classes. A drawing that it rejects is left out: a checkpoint trained on photos
    may reject drawings.
    """
    if classifier is None or set(classifier.description.classes) != set(sample.CLASSES):
        return []
    files = []
    for class_, number in itertools.product(sample.CLASSES, range(EXAMPLES)):
        file = folder / f"{class_}_{number}.png"
        sample.draw(class_, [True, number]).save(file)
        if classifier.answer(file.read_bytes()).label != NEITHER:
            files.append(str(file))
    return files


def upload_seconds() -> float:
    """How long uploads are kept. Exits with code 2 and a message where UPLOAD_SECONDS is not a whole number above 0."""
    text = os.environ.get("UPLOAD_SECONDS", "600")
    if not text.isdecimal() or int(text) < 1:
        print(f"ERROR: UPLOAD_SECONDS={text}: expected a whole number of seconds, 1 or more", file=sys.stderr)
        sys.exit(2)
    return int(text)


def main() -> None:
    """Serve the page until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description="The upload page.")
    parser.add_argument(
        "--checkpoint", help="checkpoint of train.py, or the folder that holds it (default: as README.md says)"
    )
    options, _ = parser.parse_known_args()  # platforms add other arguments
    logs.log_to_stderr()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio sends requests to itself at the start
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the temporary folder is removed
    traffic, stop = Traffic(), threading.Event()
    seconds = upload_seconds()
    proxies, budget = Proxies.of_environment(), make_budget()
    limit_connections(budget, proxies)
    limit_uploads(budget.uploads)
    classifier = load(options.checkpoint)
    with temporary_folder() as folder:
        blocks = build(Page(classifier, seconds), examples(classifier, folder), seconds)
        remove_uploads(folder, seconds)
        style = STYLE if NEW else {}
        blocks.launch(
            max_file_size=MAX_BYTES,
            app_kwargs={
                "middleware": [
                    Middleware(Headers),
                    Middleware(Gate, traffic=traffic),
                    Middleware(Limits, blocks=blocks, proxies=proxies),
                ]
            },
            prevent_thread_lock=True,
            state_session_capacity=WAITING,  # Gradio keeps 50 KB of state per visitor
            **style,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        stop.wait()
        log.info("Stopping: answering what was asked.")
        traffic.finish()
        blocks.close(verbose=False)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        log.error("%s", error)
        sys.exit(2)
    except OSError as error:
        words = os_error_words(error)
        if words is None:
            raise
        log.error("%s", words)
        sys.exit(2)
