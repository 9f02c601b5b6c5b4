"""A whole run: the stages of its mode, one after the other. For the command and for `mobilenetv2.train`."""

import logging
from typing import TYPE_CHECKING, Sequence

from .config import Settings
from .runtime import logs
from .runtime.errors import memory_errors_in_words, os_errors_in_words
from .runtime.files import remove_temporary, user_path

if TYPE_CHECKING:
    from .run import Run

log = logging.getLogger(__name__)
NO_MEMORY = "There is not enough memory. Lower --batch_size, --image_size or --workers, or end other programs."


def run_stages(settings: Settings, ignored: Sequence[str] = (), console: bool = True) -> "Run":
    """What a run leaves is in its output folder, and what is known of it is returned. The caller stops the logging.

    ignored: arguments to warn of. console: whether the log is shown on standard output, too. Raises UserError. MindSpore is
    imported here, if it has not been."""
    from . import messages
    from .data.dataset import LEARNED
    from .results import close, export_network, was_complete
    from .runtime import distributed, result_files
    from .stages import MODES
    from .stages.preparation import prepare
    from .training import resume

    with memory_errors_in_words(NO_MEMORY), os_errors_in_words():
        output = user_path(settings.output_path)
        distributed.join_workers(settings.device_target)
        begun = resume.has_state(output) or result_files.read_record(output) is not None
        logs.start_logging(output if distributed.is_main() else None, anew=not begun, console=console)
        if distributed.is_main():
            remove_temporary(output)
            result_files.move_in(output)
        _warn_of_ignored(ignored)

        run = prepare(settings, output)
        if not was_complete(run):
            for stage in MODES[run.config.mode]:
                stage(run)

        export_network(run)
        close(run)
        if distributed.is_main() and not settings.check:
            log.info("%s", messages.next_steps(output, run.data.kind))
        _warn_of_ignored(ignored)
        if not run.passed:
            words = "The validation accuracy %.4f is below --min_accuracy=%g. All files are written."
            if run.data.validation == LEARNED:
                words = "Nothing was tested: an accuracy of %.4f on photos that were learned is no proof of --min_accuracy=%g."
            log.error(words, run.accuracy, run.config.min_accuracy)
    return run


def _warn_of_ignored(arguments: Sequence[str]) -> None:
    """At the start and again at the end: what is said at the start has often left the screen by then."""
    if arguments:
        words = "Ignored arguments: %s. This program does not know them; --help shows all that it knows."
        log.warning(words, ", ".join(arguments))
