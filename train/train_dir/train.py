"""Fine-tune MobileNetV2 on folders of photos.

    python train.py                                                # drawings made by this program, under a minute
    python train.py --data_url photos --pretrain_url weights.ckpt --output_path out
    python train.py --data_url photos --teacher_url weights.ckpt --compact        # a small network, in a small file

Leaves mobilenetv2.ckpt, report.html and the files that docs/training.md lists in the output folder. Exit code 0: the checkpoint
is written, or the photos are checked; 2: something that you can mend, said in words; 3: the accuracy is below --min_accuracy;
130 and 143: stopped by Ctrl-C and by the system. However it was stopped, the same command goes on from there."""

from mobilenetv2.runtime import starting

with starting.guarded():
    import logging
    import os
    import sys
    from typing import List

    from mobilenetv2.command_line import parse_arguments
    from mobilenetv2.config import Settings
    from mobilenetv2.runtime import logs, progress, signals
    from mobilenetv2.runtime.errors import UserError, memory_errors_in_words, os_errors_in_words
    from mobilenetv2.runtime.files import remove_temporary, user_path

log = logging.getLogger(f"{logs.NAME}.train")
NO_MEMORY = "There is not enough memory. Lower --batch_size, --image_size or --workers, or end other programs."


def run_stages(settings: Settings, ignored: List[str]) -> int:
    """The whole recipe: the stages of the mode, one after the other. Returns the exit code."""
    # With these comes MindSpore, which takes seconds: not for --help, nor for a wrong argument.
    with starting.guarded(checked=True), progress.shown("Loading MindSpore"):
        from mobilenetv2 import messages
        from mobilenetv2.runtime import distributed, result_files
        from mobilenetv2.stages import MODES, close, export_network, prepare, was_complete
        from mobilenetv2.training import resume

    output = user_path(settings.output_path)
    distributed.join_workers(settings.device_target)
    begun = resume.has_state(output) or result_files.read_record(output) is not None
    logs.start_logging(output if distributed.is_main() else None, anew=not begun)
    if distributed.is_main():
        remove_temporary(output)
        result_files.move_in(output)
    warn_of_ignored(ignored)

    run = prepare(settings, output)
    if not was_complete(run):
        for stage in MODES[run.config.mode]:
            stage(run)

    export_network(run)
    close(run)
    if distributed.is_main() and not settings.check:
        log.info("%s", messages.next_steps(output, run.data.kind))
    warn_of_ignored(ignored)
    too_low = run.accuracy < run.config.min_accuracy
    if too_low:
        log.error(
            "The validation accuracy %.4f is below --min_accuracy=%g. All files are written.",
            run.accuracy,
            run.config.min_accuracy,
        )
    return 3 if too_low else 0


def warn_of_ignored(arguments: List[str]) -> None:
    """At the start and again at the end: what is said at the start has often left the screen by then."""
    if arguments:
        words = "Ignored arguments: %s. This program does not know them; 'train.py --help' shows all that it knows."
        log.warning(words, ", ".join(arguments))


@signals.listening()
def main(arguments: List[str]) -> int:
    """Returns the exit code."""
    try:
        with memory_errors_in_words(NO_MEMORY), os_errors_in_words():
            return run_stages(*parse_arguments(Settings, arguments))
    except UserError as error:
        log.error("%s", error)
        return 2
    except KeyboardInterrupt as stop:
        log.error("Stopped. What is done so far is kept: the same command goes on from there.")
        return signals.exit_code(stop)
    finally:
        logs.stop_logging()  # a notebook goes on, and others may then write into the folder


def end(code: int) -> None:
    """End the process: at once, so that a signal in MindSpore's last second does not make a complete run look like one that was
    stopped. A worker of a launched job leaves it first, which MindSpore does at the end."""
    if "MS_ROLE" in os.environ:
        sys.exit(code)
    starting.end(code)


if __name__ == "__main__":
    end(main(sys.argv[1:]))
