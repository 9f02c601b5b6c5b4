"""Optional: the run's figures in an Aim repository, where that package is installed."""

import logging
from typing import Any, Callable, Dict

log = logging.getLogger(__name__)


class Tracker:
    """Does nothing without a repository. Aim is an extra: whatever goes wrong with it is a warning, never the end of a run."""

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
        """What `fit` calls with each of its rows. stage: "head" or "finetune"."""
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
        if self._run is not None:
            try:
                self._run.close()
            except Exception as error:
                self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        log.warning("--aim_repo: recording failed (%s); the run goes on without it.", error)
        self._run = None
