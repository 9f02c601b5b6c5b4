"""What a run does, step by step. `MODES` says which stages each mode has; config.py says which mode it is.

A stage reads and writes `Run`. Its docstring says what it needs and what it leaves."""

from typing import Callable, Dict, Tuple

from ..results import save
from ..run import Run
from .assessment import choose_prior, correct_prior, cross_validate, evaluate, finish_check
from .fixed_features import extract_features, train_head
from .network_training import distill, finetune, quantize

FROZEN = (extract_features, train_head, cross_validate)
FINISH = (quantize, evaluate, save)
MODES: Dict[str, Tuple[Callable[[Run], None], ...]] = {
    "check_files": (finish_check,),
    "check": (extract_features, cross_validate, finish_check),
    "head": (*FROZEN, choose_prior, correct_prior, *FINISH),
    "finetune": (*FROZEN, choose_prior, finetune, correct_prior, *FINISH),
    "scratch": (finetune, choose_prior, correct_prior, *FINISH),
    "distill": (*FROZEN, choose_prior, correct_prior, distill, *FINISH),
}
