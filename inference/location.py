"""Where the program lies. Importing this module puts the package on the path, so import it before the package."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRAIN = HERE.parent / "train" / "train_dir"
if TRAIN.is_dir():  # otherwise both are installed
    sys.path.insert(0, str(TRAIN))
