"""What a run writes into its output folder: findings while it goes on, and all files at its end.

A function that takes a `Run` says in its docstring what it needs and what it leaves, as the stages do."""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Sequence, Tuple

import numpy as np

from .checks.data_check import act_on_findings
from .data import thumbnails
from .data.findings import Finding
from .evaluation.ood import reference_indices
from .export import as_table, write_formats
from .export.examples import take_examples
from .export.formats import FORMATS
from .model import checkpoint
from .report import metrics_files
from .report.build import write_check_report, write_model_card, write_report
from .report.label_file import write_label_issues
from .report.model_card import read_licence
from .run import Run
from .runtime import distributed, result_files
from .runtime.environment import package_versions, peak_memory_mib
from .runtime.errors import UserError
from .runtime.own_files import CHECKPOINT, EXPORTED, FINDINGS, LATER_FINDINGS, MODEL_CARD
from .runtime.progress import shown
from .runtime.signals import uninterrupted
from .training import resume

log = logging.getLogger(__name__)
CHECKS = ("check", "check_files")  # modes that train nothing


def write_findings(run: Run, new: Sequence[Finding], wait: bool = False) -> None:
    """Write all findings so far, in files and the new ones in the log. Raises UserError if one of these stops the run, which
    says where all of them are; wait: as in `act_on_findings`."""
    file, report, labels = findings_files(run)
    if distributed.is_main():
        for earlier in (report, labels):
            with suppress(OSError):
                earlier.unlink()
        metrics_files.write_findings(file, run.data, run.findings)
        _write_label_issues(run, labels)
        if run.findings or run.config.mode in CHECKS:
            known = (run.data, run.findings, run.label_issues, run.origin, run.recorded(), run.config.language)
            metrics_files.write_optional(report.name, write_check_report, report, *known)
    try:
        act_on_findings(new, wait, bad_files=run.config.bad_files, leaks=run.config.leaks)
    except UserError as error:
        raise UserError(f"{error}\nAll findings are in {report} and {file}.") from None


def _write_label_issues(run: Run, file: Path) -> None:
    """Write label_issues.csv, or the file that takes its place, if labels were judged."""
    if run.label_issues is not None:
        metrics_files.write_optional(file.name, write_label_issues, file, run.label_issues)


def findings_files(run: Run) -> Tuple[Path, Path, Path]:
    """Where the findings are written before a training, and by a check: check.json, report.html and label_issues.csv. Where the
    output folder has a checkpoint, these are of the run that made it, and stay; others take their place."""
    names = LATER_FINDINGS if os.path.exists(run.output / CHECKPOINT) else FINDINGS
    return run.output / names[0], run.output / names[1], run.output / names[2]


def save(run: Run) -> None:
    """Needs everything. Leaves the files that docs/training.md lists in the output folder: all of them, or on an error none.
    Leaves the accuracy."""
    run.accuracy = run.evaluation.metrics["val"]["accuracy"]
    if not distributed.is_main():
        return
    with result_files.new_folder(run.output) as folder, shown("Writing the results"):
        _write_files(run, folder)
        val = run.evaluation.metrics["val"]
        result_files.complete(run.output, {"fingerprint": run.fingerprint, "val": [val["correct"], val["count"]]})
        result_files.move_in(run.output)
    log.info("Wrote %s.", run.output / CHECKPOINT)
    run.tracker.close()


def _write_files(run: Run, folder: Path) -> None:
    """All files of the run into the folder, and the results into the log. Raises UserError where the checkpoint cannot be
    written; another file that cannot is a warning."""
    file, evaluation, detector = folder / CHECKPOINT, run.evaluation, run.held_out.detector
    photos, side = run.data.split("train"), run.config.thumbnails if detector else 0
    references = [photos[index] for index in reference_indices(run.data.labels("train"), run.config.seed)]
    sheet = thumbnails.replace_sheet(file.with_suffix(thumbnails.SUFFIX), references, side, run.config.workers)
    description = checkpoint.Description(
        classes=run.data.classes,
        architecture=run.network.architecture,
        preprocessing=run.preprocessing,
        temperature=evaluation.calibration.temperature,
        metrics=evaluation.metrics,
        data={
            "kind": run.data.kind,
            "validation": run.data.validation,
            **{split: run.data.counts(split) for split in run.answers},
            "fingerprint": run.data.fingerprint(),
            "thumbnails": sheet,
        },
        origin=run.origin,
        settings=run.recorded(),
        versions=package_versions(),
        hyperparameters=run.hyperparameters(),
    )
    checkpoint.save(file, run.network, description, detector, run.packed)
    seconds, memory, answers = run.watch.seconds(), peak_memory_mib(), run.answers["val"]
    results = (answers, evaluation, run.history, run.comparison, seconds, memory)
    metrics_files.write_metrics(folder, description, run.data, *results)
    metrics_files.write_findings(folder / "check.json", run.data, run.findings)
    _write_label_issues(run, folder / "label_issues.csv")
    found, report, language = (run.findings, run.label_issues), folder / "report.html", run.config.language
    rest = (evaluation, answers, run.history, run.comparison, seconds, memory)
    content = (description, run.data, *found, *rest, language)
    metrics_files.write_optional("report.html", write_report, report, run.network, *content)
    card = folder / MODEL_CARD
    facts = (description, run.data, run.findings, evaluation, answers)
    metrics_files.write_optional(
        card.name, write_model_card, card, *facts, read_licence(run.output / card.name), language
    )


def was_complete(run: Run) -> bool:
    """Whether another process with the same command has trained, and was stopped after that. Needs what `prepare` leaves.

    Leaves the accuracy. All of its files are then in the output folder."""
    known = np.zeros(3, np.float32)
    record = result_files.read_record(run.output) if distributed.is_main() else None
    if record:
        if record.get("fingerprint") == run.fingerprint and result_files.are_in(run.output, record):
            known = np.array([1, *record["val"]], np.float32)
        else:
            result_files.forget(run.output)
    found, correct, count = (int(number) for number in distributed.broadcast(known))
    if found:
        run.accuracy = correct / count
        run.tracker.close()
        if distributed.is_main():
            log.info("Wrote %s. It was trained before: this command was stopped at its end.", run.output / CHECKPOINT)
    return bool(found)


def export_network(run: Run) -> None:
    """After `save`, or where a process with the same command came that far. Leaves the network in the formats of --export.

    One that cannot be written is said, and ends no run: the checkpoint is there."""
    if not run.formats or not distributed.is_main():
        return
    loaded = checkpoint.load(str(run.output / CHECKPOINT))
    calibrate = any(FORMATS[name].calibrated for name in run.formats)
    examples = take_examples(run.data, loaded.description, calibrate)
    licence, found = read_licence(run.output / MODEL_CARD), []
    for name in run.formats:
        try:
            found += write_formats([name], [run.output / EXPORTED[name]], loaded, examples, "u8", licence)
        except UserError as error:
            log.error("%s. The checkpoint is not affected.", error)
    if found:
        log.info("Exported, and compared on %d %s:\n%s", len(examples.val), examples.what, as_table(found))


def close(run: Run) -> None:
    """The last step: from now on, the same command trains anew. Leaves only the files that docs/training.md lists."""
    if run.config.mode in CHECKS or not distributed.is_main():
        return
    with suppress(KeyboardInterrupt), uninterrupted():  # a request to stop comes too late
        for name in LATER_FINDINGS:
            with suppress(OSError):
                (run.output / name).unlink()
        resume.clear_states(run.output)
        result_files.forget(run.output)
