"""What the MindSpore tutorial does with these photos: all layers, MindSpore's own operators and data set, Momentum."""

import child
import mindspore as ms
import mindspore.dataset as ds
import numpy as np
from mindspore import nn
from mindspore.dataset import vision
from ours import build, state

BATCH, SMOOTHING = 10, 0.2
LAST = [vision.Normalize([127.5] * 3, [127.5] * 3), vision.HWC2CHW()]
TRAIN = [vision.RandomCropDecodeResize(224, (0.08, 1.0)), vision.RandomHorizontalFlip(), *LAST]
VAL = [vision.Decode(), vision.Resize(256), vision.CenterCrop(224), *LAST]


def photos(split: str, operations: list) -> ds.Dataset:
    data = ds.ImageFolderDataset(
        str(child.FOLDER / split), shuffle=split == "train", num_parallel_workers=child.THREADS
    )
    data = data.map(operations, "image", num_parallel_workers=child.THREADS)
    return data.batch(BATCH, drop_remainder=split == "train")


def job() -> None:
    model = build()
    zeros = {name: np.zeros_like(value) for name, value in state.state_dict(model.classifier).items()}
    state.load_state_dict(model, zeros)
    optimizer = nn.Momentum(model.trainable_params(), 0.01, 0.9)
    criterion = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)

    def forward(inputs: ms.Tensor, labels: ms.Tensor) -> ms.Tensor:
        return criterion(model(inputs), labels)

    gradients = ms.value_and_grad(forward, None, optimizer.parameters)

    @ms.jit
    def step(inputs: ms.Tensor, labels: ms.Tensor) -> ms.Tensor:
        loss, grads = gradients(inputs, labels)
        optimizer(grads)
        return loss

    train, val = photos("train", TRAIN), photos("val", VAL)
    for epoch in range(child.EPOCHS):
        model.set_train(True)
        for inputs, labels in train.create_tuple_iterator(num_epochs=1):
            step(inputs, labels)
        model.set_train(False)
        right = count = 0
        for inputs, labels in val.create_tuple_iterator(num_epochs=1):
            right += int((model(inputs).asnumpy().argmax(1) == labels.asnumpy()).sum())
            count += len(labels)
        child.epoch_line(epoch, right, count)


if __name__ == "__main__":
    job()
