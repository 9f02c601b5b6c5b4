"""Experiment trackers: optional packages that record the epochs of a run. `TRACKERS` is the table of all that are known."""

import json
import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from ..runtime.errors import UserError

log = logging.getLogger(__name__)
NAME = "mobilenetv2"  # of the experiment, or project, in every tracker
Write = Callable[[str, int, Dict[str, float]], None]  # stage, epoch, values by name
Opened = Tuple[Write, Callable[[], None]]  # the second ends the recording


class Package(NamedTuple):
    """name: what is imported, and what pip installs. begin: starts to record a run with these settings, in a folder or Aim's
    repository."""

    name: str
    begin: Callable[[str, Dict[str, Any]], Opened]


def _aim(place: str, settings: Dict[str, Any]) -> Opened:
    from aim import Run

    run = Run(repo=place, experiment=NAME, system_tracking_interval=None, capture_terminal_logs=False)
    run["settings"] = settings

    def write(stage: str, epoch: int, values: Dict[str, float]) -> None:
        for name, value in values.items():
            run.track(value, name=name, epoch=epoch, context={"stage": stage})

    return write, run.close


def _tensorboard(place: str, settings: Dict[str, Any]) -> Opened:
    from tensorboardX import SummaryWriter

    number = 1 + sum(name.isdigit() for name in os.listdir(place))  # a folder for each run, or curves would be mixed
    writer = SummaryWriter(os.path.join(place, str(number)), flush_secs=5)
    writer.add_text("settings", f"```\n{json.dumps(settings, indent=1)}\n```")

    def write(stage: str, epoch: int, values: Dict[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(f"{stage}/{name}", value, epoch)

    return write, writer.close


def _swanlab(place: str, settings: Dict[str, Any]) -> Opened:
    import swanlab

    run = swanlab.init(project=NAME, log_dir=place, mode="offline", config=settings)

    def write(stage: str, epoch: int, values: Dict[str, float]) -> None:
        run.log({f"{stage}/{name}": value for name, value in values.items()}, step=epoch)

    return write, run.finish


def _mlflow(place: str, settings: Dict[str, Any]) -> Opened:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    for name in ("mlflow", "alembic"):  # how it makes its database
        logging.getLogger(name).setLevel(logging.WARNING)
    client = MlflowClient(f"sqlite:///{Path(place).resolve() / 'mlflow.db'}")
    known = client.get_experiment_by_name(NAME)
    experiment = known.experiment_id if known else client.create_experiment(NAME, str(Path(place).resolve() / "files"))
    run = client.create_run(experiment).info.run_id
    for name, value in settings.items():
        client.log_param(run, name, value)

    def write(stage: str, epoch: int, values: Dict[str, float]) -> None:
        for name, value in values.items():
            client.log_metric(run, f"{stage}/{name}", value, step=epoch)

    return write, lambda: client.set_terminated(run)


# Those of own_files.TRACKERS, whose folders a search for photos leaves alone.
TRACKERS: Dict[str, Package] = {
    "aim": Package("aim", _aim),
    "tensorboard": Package("tensorboardX", _tensorboard),
    "swanlab": Package("swanlab", _swanlab),
    "mlflow": Package("mlflow", _mlflow),
}


def read_trackers(text: str) -> List[str]:
    """The names of trackers, separated by commas. Raises UserError for one that is not known, or not installed."""
    names = list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in TRACKERS]
    if unknown:
        raise UserError(
            f"--track={text}: expected one or more of {', '.join(TRACKERS)}, separated by commas; not {', '.join(unknown)}"
        )
    missing = [TRACKERS[name].name for name in names if find_spec(TRACKERS[name].name) is None]
    if missing:
        raise UserError(
            f"--track={text}: {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; "
            f"'pip install {' '.join(missing)}' mends it, or leave --track out"
        )
    return names


class Tracker:
    """Records the rows of a run in trackers. Without any it does nothing; an error of a tracker is a warning and ends no run.

    names: of TRACKERS. folder: gets a folder for each. settings: of the run. aim_repo: path or address of Aim's repository, which
    stands for the tracker "aim", or "": a platform may give it where Aim is not installed, which is a warning, too.
    """

    def __init__(self, names: List[str], folder: Path, settings: Dict[str, Any], aim_repo: str = ""):
        self._open: Dict[str, Opened] = {}
        if aim_repo and "aim" not in names:
            if find_spec("aim"):
                names = [*names, "aim"]
            else:
                log.warning(
                    "--aim_repo: the package aim is not installed, so nothing is recorded; 'pip install aim' mends it."
                )
        for name in names:
            place = aim_repo if name == "aim" and aim_repo else str(folder / name)
            try:
                if place != aim_repo:
                    os.makedirs(place, exist_ok=True)
                self._open[name] = TRACKERS[name].begin(place, settings)
                log.info("Recorded by %s in %s.", name, place)
            except Exception as error:
                self._give_up(name, error)

    def record(self, stage: str) -> Callable[[Dict[str, Any]], None]:
        """The function that `train_epochs` calls with each row. stage: "head", "finetune" or "distill"."""
        return lambda row: self._record(stage, row)

    def _record(self, stage: str, row: Dict[str, Any]) -> None:
        values = {name: row[name] for name in ("loss", "lr", "seconds")}
        values.update({f"val_{name}": row["val"][name] for name in ("loss", "accuracy", "balanced_accuracy")})
        for name, (write, _) in list(self._open.items()):
            try:
                write(stage, row["epoch"], values)
            except Exception as error:
                self._give_up(name, error)

    def close(self) -> None:
        """End the recordings."""
        while self._open:
            name, (_, end) = self._open.popitem()
            try:
                end()
            except Exception as error:
                self._give_up(name, error)

    def _give_up(self, name: str, error: Exception) -> None:
        log.warning("%s cannot record the run (%s); the run goes on without it.", name, error)
        self._open.pop(name, None)
