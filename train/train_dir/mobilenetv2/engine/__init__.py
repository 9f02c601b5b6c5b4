"""The network's arithmetic on a CPU, by oneDNN: `feature_maps` to answer, `TrainingPass` to train. README.md says why and how.

Knows a network by its cells alone. Where it cannot be used, EngineUnavailable says why, and MindSpore's operators do the
work."""

from .forward import feature_maps
from .library import EngineUnavailable, engine_wanted
from .training import TrainingPass

__all__ = ["EngineUnavailable", "TrainingPass", "engine_wanted", "feature_maps"]
