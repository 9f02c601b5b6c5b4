"""torchvision's MobileNetV2 in PyTorch's eager mode (VARIANT contiguous or channels_last: the memory format).

The weights pad as TensorFlow does, with stride 2 only below and on the right, torchvision on all sides. On pictures of even size,
its last row and column of padding are then never read: with pictures and kernels turned by 180 degrees it computes the same
numbers, without a layer more.
"""

import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Callable

import child
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

# What a torchvision for CUDA cannot register beside a PyTorch for CPUs: shapes of detection's operators, which nothing here uses.
sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")

from torchvision import datasets, models, transforms

FORMAT = getattr(torch, f"{child.VARIANT}_format" if child.VARIANT == "contiguous" else child.VARIANT)
EPSILON = 1e-3
torch.set_num_threads(child.THREADS)


def build() -> nn.Module:
    model = models.mobilenet_v2(num_classes=len(child.CLASSES), dropout=0.0)
    values = {name: torch.from_numpy(value) for name, value in child.tensors().items()}
    kernels = {name: value.flip(-2, -1) for name, value in values.items() if value.ndim == 4}
    model.load_state_dict({**values, **kernels}, strict=False)  # but num_batches_tracked
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = EPSILON
    return model.eval().to(memory_format=FORMAT)


def turned(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.flip(-2, -1).contiguous(memory_format=FORMAT)


def forward(pictures: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    model, inputs = build(), turned(torch.from_numpy(pictures))

    @torch.inference_mode()
    def run() -> np.ndarray:
        return model(inputs).numpy()

    return run


def step(pictures: np.ndarray, labels: np.ndarray, given: bool = False) -> Callable[[], np.ndarray]:
    model, inputs, targets = build().train(), turned(torch.from_numpy(pictures)), torch.from_numpy(labels)
    for module in model.modules():
        if given and isinstance(module, nn.BatchNorm2d):
            module.eval()
    criterion = nn.CrossEntropyLoss(label_smoothing=child.SMOOTHING)
    optimizer = torch.optim.Adam(model.parameters(), child.RATE)

    def run() -> np.ndarray:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss.detach().numpy()

    return run


def export(file: Path, batch: int) -> None:
    torch.onnx.export(build(), (torch.zeros(batch, 3, 224, 224),), file, input_names=["pictures"], dynamo=False)


def job(workers: int = 2) -> None:
    """The usual fine-tuning: a new crop of every photo in every epoch, Adam on the last layer or the last blocks with it. Those
    blocks normalise by the moments given, and have batch and rate of this project."""
    batch, rate = (16, 1e-4) if child.BLOCKS else (32, 1e-3)
    last = [transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)]
    crop = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip()]
    middle = [transforms.Resize(256), transforms.CenterCrop(224)]
    train = datasets.ImageFolder(child.FOLDER / "train", transforms.Compose(crop + last))
    val = datasets.ImageFolder(child.FOLDER / "val", transforms.Compose(middle + last))
    loaders = [DataLoader(data, batch, shuffle=data is train, num_workers=workers) for data in (train, val)]
    model, criterion = build(), nn.CrossEntropyLoss(label_smoothing=child.SMOOTHING)
    head = nn.Linear(model.last_channel, len(train.classes))
    cut = len(model.features) - child.BLOCKS
    frozen, trained = model.features[:cut], model.features[cut:]
    optimizer = torch.optim.Adam([*trained.parameters(), *head.parameters()], rate)

    def features(pictures: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            maps = frozen(turned(pictures))
        return trained(maps).mean((2, 3))

    for epoch in range(child.EPOCHS):
        for pictures, labels in loaders[0]:
            optimizer.zero_grad()
            criterion(head(features(pictures)), labels).backward()
            optimizer.step()
        with torch.no_grad():
            right = sum(int((head(features(pictures)).argmax(1) == labels).sum()) for pictures, labels in loaders[1])
        child.epoch_line(epoch, right, len(val))


if __name__ == "__main__":
    if child.JOB:
        job()
    elif sys.argv[5:6] == ["export"]:
        export(Path(sys.argv[6]), int(sys.argv[7]))
    else:
        child.serve(forward=forward, step=step, step_given=partial(step, given=True))
