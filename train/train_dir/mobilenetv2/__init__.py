"""MobileNetV2 on folders of photos: everything that training, the page and batch prediction share."""

import os

from .runtime.streams import open_standard_streams

# MindSpore's C++ side logs warnings that no user of this package can act on; its errors stay. Read at the import of mindspore.
os.environ.setdefault("GLOG_v", "3")
open_standard_streams()  # before anything else opens files
