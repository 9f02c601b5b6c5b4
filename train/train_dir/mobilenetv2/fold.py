"""A third of the batch normalisation into the convolutions, for inference only: the same function in fewer steps."""

import numpy as np
from mindspore import Tensor

from .network import ConvNorm, MobileNetV2


def fold(network: MobileNetV2) -> MobileNetV2:
    """Take the normalisation after every linear 1x1 projection out of the network, which is changed and returned; before
    it first runs, because a compiled graph would stay as it was.

    Its scale goes into the projection's weights. Its shift is the same everywhere in the picture, so it can be left out here
    and, through residual additions, made up for in the next expansion: a 1x1 convolution would make another constant of it,
    which moves the mean of the normalisation that follows. That one stays: the kernel of depthwise.py computes it on the way.
    """
    blocks, last = list(network.features)[1:-1], network.features[-1]
    missing = np.float32(0)  # f32 [channels]: what the activations between two blocks are short of
    for block in blocks:
        if block.expands:
            _move_mean(block.conv[0], missing)
        convolution, norm = block.conv[-1]
        scale = norm.gamma.asnumpy() / np.sqrt(norm.moving_variance.asnumpy() + np.float32(norm.eps))
        shift = norm.beta.asnumpy() - norm.moving_mean.asnumpy() * scale
        convolution.weight.set_data(Tensor(convolution.weight.asnumpy() * scale[:, None, None, None]))
        del block.conv[-1][1]
        missing = missing + shift if block.residual else shift
    _move_mean(last, missing)
    return network


def _move_mean(layer: ConvNorm, missing: np.ndarray) -> None:
    weight, mean = layer[0].weight.asnumpy()[:, :, 0, 0], layer[1].moving_mean
    mean.set_data(Tensor(mean.asnumpy() - weight @ missing))
