"""Experiment tracking in an Aim repository. Optional: the package aim may be missing."""

import logging
from typing import Any, Callable, Dict

log = logging.getLogger(__name__)


class Tracker:
    """Records the rows of a run. Without a repository it does nothing; every error of Aim is a warning and ends no run.

    repository: path or address, or "". settings: of the run.
    """

    def __init__(self, repository: str, settings: Dict[str, Any]):
        self._run = None
        if not repository:
            return
        try:
            from aim import Run

            self._run = Run(repo=repository, experiment="mobilenetv2")
            self._run["settings"] = settings
        except ImportError:
            log.warning(
                "--aim_repo: the package aim is not installed, so nothing is recorded there; 'pip install aim' mends it."
            )
        except Exception as error:
            self._give_up(error)

    def record(self, stage: str) -> Callable[[Dict[str, Any]], None]:
        """The function that `train_epochs` calls with each row. stage: "head", "finetune" or "distill"."""
        return lambda row: self._record(stage, row)

    def _record(self, stage: str, row: Dict[str, Any]) -> None:
        if self._run is None:
            return
        try:
            values = {"loss": row["loss"], "val_loss": row["val"]["loss"], "val_accuracy": row["val"]["accuracy"]}
            for name, value in values.items():
                self._run.track(value, name=name, epoch=row["epoch"], context={"stage": stage})
        except Exception as error:
            self._give_up(error)

    def close(self) -> None:
        """End the run in the repository."""
        if self._run is not None:
            try:
                self._run.close()
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        log.warning("--aim_repo: recording failed (%s); the run goes on without it.", error)
        self._run = None
