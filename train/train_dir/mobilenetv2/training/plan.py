"""The hyper-parameters of a training. Their values are in config.py."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Hyper-parameters of one training.

    epochs: at most. lr: the highest learning rate. weight_decay: of matrices and kernels only. warmup: share of all steps in
    which the learning rate rises linearly, before the cosine decay. patience: epochs without a better validation result after
    which the training stops early.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    warmup: float
    label_smoothing: float
    patience: int


@dataclass(frozen=True)
class Teaching:
    """Hyper-parameters of a distillation, besides those in `Plan`.

    teacher_views: of each photo, at most. view_bytes: of all views in memory, about. soft_weight: of the soft targets in the
    loss; the features have weight 1. early_epochs: share of the epochs that use smaller pictures. early_size: their side, as a
    share."""

    teacher_views: int
    view_bytes: int
    soft_weight: float
    early_epochs: float
    early_size: float
