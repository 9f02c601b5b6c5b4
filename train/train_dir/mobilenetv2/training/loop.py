"""The training loop: epochs, validation, selection of the best epoch and early stopping. Every kind of training uses it."""

import logging
import math
import time
from contextlib import nullcontext
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

import mindspore as ms
import numpy as np
from mindspore import nn

from ..evaluation.metrics import score_answers
from ..model.state import load_state_dict, state_dict
from ..runtime import distributed
from ..runtime.errors import UserError
from ..runtime.logs import FOR_PLATFORMS, FOR_TERMINALS
from ..runtime.progress import SECONDS, progress_bar
from ..runtime.signals import uninterrupted
from .plan import Plan
from .resume import CheckpointManager, TrainState
from .step import Step

log = logging.getLogger(__name__)
Batches = Callable[[int, int], Iterable[Tuple[np.ndarray, ...]]]
Record = Callable[[Dict[str, Any]], None]


def train_supervised(
    model: nn.Cell,
    groups: Sequence[Dict[str, Any]],
    batches: Batches,
    steps: int,
    validate: Callable[[], np.ndarray],
    val_labels: np.ndarray,
    plan: Plan,
    record: Record,
    make_step: Callable[[nn.Optimizer], Step],
    checkpoints: Optional[CheckpointManager] = None,
    distribute: bool = False,
    learned: bool = False,
) -> List[Dict[str, Any]]:
    """Train parameters of `model` (inputs f32 [N, ...] -> logits f32 [N, C]) on labels, and keep the best epoch.

    groups: these parameters, as of `param_groups`. batches(epoch, first): pairs of inputs and labels i32 [N]. steps: batches per
    epoch. make_step: the step that uses an optimizer of these parameters. The other arguments and the result are as in
    `train_epochs`."""
    schedule = cosine_schedule(plan.lr, plan.epochs * steps, plan.warmup)
    optimizer = nn.Adam(list(groups), schedule)
    step = make_step(optimizer)
    saved = [*model.get_parameters(), *optimizer.get_parameters()]
    return train_epochs(
        *(model, step, schedule, saved, batches, validate, val_labels, plan, record, checkpoints),
        distribute=distribute,
        learned=learned,
    )


def train_epochs(
    model: nn.Cell,
    step: Callable[..., ms.Tensor],
    schedule: Sequence[float],
    saved: Sequence[ms.Parameter],
    batches: Batches,
    validate: Callable[[], np.ndarray],
    val_labels: np.ndarray,
    plan: Plan,
    record: Record,
    checkpoints: Optional[CheckpointManager] = None,
    keep_best: bool = True,
    distribute: bool = False,
    learned: bool = False,
) -> List[Dict[str, Any]]:
    """The loop over epochs. Returns a row for each, the first with the number 1; "kept" is true for the one whose parameters the
    model has at the end.

    step: arrays of a batch -> loss. schedule: learning rate of each step of all epochs. saved: the parameters that a state of
    the training contains. batches(epoch, first): the batches of an epoch from the step `first` on; all have the same shapes.
    validate(): logits f32 [M, C] of the validation photos. val_labels: i32 [M]. record: called with each row. checkpoints: for
    an interrupted training to resume from; None for one that takes seconds. distribute: the batches are this worker's share.
    keep_best: keep the epoch with the most right validation answers, among equals the one with the lowest loss, or the initial
    parameters if no epoch is better, and stop early. Otherwise the last epoch is kept, and UserError is raised where a loss is
    not finite. learned: the validation photos are among the training photos, which the log says.
    """

    def measure() -> Dict[str, Any]:
        # All workers have to choose the same epoch.
        logits = distributed.broadcast(validate()) if distribute else validate()
        return score_answers(logits, val_labels, plan.label_smoothing)

    state = checkpoints.load(saved) if checkpoints else TrainState()
    if keep_best and state.best is None:
        state.keep(_score(measure()), state_dict(model), 0)
    stopping = distributed.stopped_together() if distribute else nullcontext()
    steps, count = len(schedule) // plan.epochs, len(val_labels)
    bar = progress_bar(len(schedule), "Training", len(state.history) * steps + len(state.losses), delay=0)
    with bar, stopping, checkpoints.saved_when_stopped(state) if checkpoints else nullcontext():
        while len(state.history) < plan.epochs and not (keep_best and state.idle() >= plan.patience):
            bar.set_description_str(f"Training, epoch {len(state.history) + 1} of {plan.epochs}")
            row = run_epoch(model, step, batches, measure, state, plan.epochs, schedule, bar.update, checkpoints)
            if not keep_best and not math.isfinite(row["loss"]):
                raise UserError(
                    f"--lr={plan.lr:g}: the training ran away, its loss is not finite; start with a lower one"
                )
            record(row)
            with uninterrupted():
                best = keep_best and state.is_best(_score(row["val"]))
                if best:
                    state.keep(_score(row["val"]), state_dict(model), row["epoch"])
                state.end_epoch(row)
                if checkpoints:
                    checkpoints.save(state)
            log.info(
                "Epoch %*d of %d: validation: %*d of %d right, loss %.3f%s",
                *(len(str(plan.epochs)), row["epoch"], plan.epochs, len(str(count)), row["val"]["correct"], count),
                *(row["val"]["loss"], ", the best so far" if best else ""),
                extra=FOR_TERMINALS,
            )
    history, kept = state.history, state.best_epoch if keep_best else plan.epochs
    for row in history:
        row["kept"] = row["epoch"] == kept
    if keep_best:
        if len(history) < plan.epochs:
            log.info("Stopped early: the last %d epochs brought nothing better (--patience).", plan.patience)
        load_state_dict(model, state.kept)
        kept_epoch = f"epoch {kept}" if kept else "what was there before, no epoch was better"
        right = state.best[0] if state.best else 0
        log.info(
            "Kept %s: %d of %d right %s.", kept_epoch, right, count, "of those learned" if learned else "in validation"
        )
    return history


def run_epoch(
    model: nn.Cell,
    step: Callable[..., ms.Tensor],
    batches: Batches,
    measure: Callable[[], Dict[str, Any]],
    state: TrainState,
    epochs: int,
    schedule: Sequence[float],
    done: Callable[[], Any],
    checkpoints: Optional[CheckpointManager] = None,
) -> Dict[str, Any]:
    """Train the remaining steps of one epoch, then validate. Returns the epoch's row: epoch, loss, val, step_ms, lr (of its last
    step) and seconds.

    measure(): `score_answers` of the validation photos. state: the steps done so far; the new ones are added to it, and it is
    saved in `checkpoints` when that is due. done: called after each step. The other arguments are as in `train_epochs`.
    """
    epoch, steps = len(state.history), len(schedule) // epochs
    losses, durations = state.losses, state.milliseconds
    model.set_train(True)
    last = logged = time.monotonic()
    for number, batch in enumerate(batches(epoch, len(losses)), len(losses) + 1):
        with uninterrupted():  # a state can be saved between two steps only
            losses.append(float(step(*map(ms.Tensor, batch))))
            now = time.monotonic()
            durations.append(1000 * (now - last))
            last = now
        done()
        distributed.stop_if_asked()
        if now - logged >= SECONDS or number == steps:
            logged = now
            log.info(
                "Epoch:[%3d/%3d], step:[%5d/%5d], loss:[%.3f/%.3f], time:%.3f ms, lr:%.5f",
                epoch + 1,
                epochs,
                number,
                steps,
                losses[-1],
                np.mean(losses),
                np.median(durations),
                schedule[epoch * steps + number - 1],
                extra=FOR_PLATFORMS,
            )
        if checkpoints and checkpoints.due():
            checkpoints.save(state)
            last = time.monotonic()
    model.set_train(False)
    validating = time.monotonic()
    result = measure()
    row = {
        "epoch": epoch + 1,
        "loss": float(np.mean(losses)),
        "val": result,
        "step_ms": float(np.median(durations)),
        "lr": float(schedule[(epoch + 1) * steps - 1]),
        "seconds": round(float(np.sum(durations)) / 1000 + time.monotonic() - validating, 3),
    }
    numbers = epoch + 1, epochs, row["loss"], result["accuracy"]
    log.info("Epoch: [%3d / %3d], Train Loss: [%.3f], Accuracy:  %.3f", *numbers, extra=FOR_PLATFORMS)
    return row


def _score(result: Dict[str, Any]) -> Tuple[int, float]:
    """The better epoch has the greater score: more right answers, then a lower loss."""
    return result["correct"], -result["loss"]


def shuffled_batches(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """i64 [steps, batch]: the indices 0 ... count - 1 in random order. batch must not exceed count.

    The last row is padded with the first indices of the same order: none is dropped, and all batches have one shape.
    """
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return np.resize(order, (-(-count // batch), batch))


def cosine_schedule(highest: float, steps: int, warmup: float) -> List[float]:
    """The learning rate of every step: linear warm-up to `highest`, then cosine decay to 0. warmup: share of the steps."""
    rising = max(1, round(warmup * steps))
    step = np.arange(steps)
    falling = 0.5 + 0.5 * np.cos(np.pi * (step - rising) / max(1, steps - rising))
    return (highest * np.where(step < rising, (step + 1) / rising, falling)).tolist()


def param_groups(parameters: Sequence[ms.Parameter], weight_decay: float) -> List[Dict[str, Any]]:
    """Parameter groups of an optimizer: weight decay for matrices and kernels, none for biases and batch normalisation."""
    decayed = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
