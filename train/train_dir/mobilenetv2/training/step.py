"""One step of a training: the loss of a batch, its gradients, and the optimizer's update.

On a CPU the engine computes the backbone, forward and backward. MindSpore computes the loss of its feature maps, the gradients
of the classifier, and the update. Elsewhere MindSpore computes all of it, compiled as one graph."""

import gc
from functools import lru_cache
from typing import Any, Callable, Dict, Tuple

import mindspore as ms
from mindspore import nn, ops

from ..engine import EngineUnavailable, TrainingPass, engine_wanted
from ..model.mobilenet_v2 import MobileNetV2
from ..runtime import distributed
from ..runtime.device import LOSS_SCALE, mixed_precision, on_cpu

Step = Callable[..., ms.Tensor]  # tensors of a batch -> loss


def supervised_step(model: nn.Cell, optimizer: nn.Optimizer, label_smoothing: float, distribute: bool) -> Step:
    """A compiled step: (inputs, labels) of a batch -> loss. All of it by MindSpore's operators."""
    network, single = mixed_precision(model), on_cpu()
    criterion = nn.CrossEntropyLoss(label_smoothing=label_smoothing)

    def forward(inputs: ms.Tensor, labels: ms.Tensor) -> ms.Tensor:
        return criterion(network(inputs).astype(ms.float32), labels) * LOSS_SCALE

    scaled = ms.value_and_grad(forward, None, optimizer.parameters)  # in the optimizer's order, by group

    def gradients(inputs: ms.Tensor, labels: ms.Tensor) -> Tuple[ms.Tensor, Tuple[ms.Tensor, ...]]:
        loss, grads = scaled(inputs, labels)
        return loss / LOSS_SCALE, grads

    def unscale(gradient: ms.Tensor) -> ms.Tensor:
        return gradient / LOSS_SCALE

    def update(grads: Tuple[ms.Tensor, ...]) -> None:
        if single or ms.amp.all_finite(grads):  # a step whose scaled gradients overflow is skipped
            optimizer(ops.HyperMap()(unscale, grads))

    return distributed.training_step(gradients, update, model, optimizer.parameters, distribute)


def network_step(
    network: MobileNetV2,
    loss_of_maps: Callable[..., ms.Tensor],
    optimizer: nn.Optimizer,
    blocks: int,
    by_operators: Callable[[], Step],
) -> Step:
    """A step that trains the last `blocks` parts of the network: (pictures, further tensors) of this worker's batch -> loss.

    loss_of_maps: (feature maps f32 [N, channels, S / 32, S / 32], further tensors) -> loss. by_operators: makes the same step
    of MindSpore's operators, which is used where the engine cannot be."""
    if not on_cpu() or not engine_wanted():
        return by_operators()
    gradients = _EngineGradients(network, loss_of_maps, optimizer, blocks)
    engine_step = distributed.training_step(
        gradients, optimizer, network, optimizer.parameters, distribute=True, compiled=False
    )
    chosen: Dict[Tuple[int, ...], Step] = {}
    operators = lru_cache(None)(by_operators)

    def step(*batch: ms.Tensor) -> ms.Tensor:
        shape = batch[0].shape
        if shape not in chosen:
            try:
                gradients.plan(batch[0])
                chosen[shape] = engine_step
            except EngineUnavailable as why:
                why.log()
                chosen[shape] = operators()
        return chosen[shape](*batch)

    return step


class _EngineGradients:
    """(pictures, further tensors) of a batch -> loss, and its gradients in the optimizer's order."""

    def __init__(
        self, network: MobileNetV2, loss_of_maps: Callable[..., ms.Tensor], optimizer: nn.Optimizer, blocks: int
    ):
        self._network, self._blocks, self._trained = network, blocks, optimizer.parameters
        of_backbone = {parameter.name for parameter in network.features.get_parameters()}
        self._others = [parameter for parameter in self._trained if parameter.name not in of_backbone]
        loss_and_gradients = ms.value_and_grad(loss_of_maps, 0, self._others)

        @ms.jit
        def head(maps: ms.Tensor, *others: ms.Tensor) -> Any:
            return loss_and_gradients(maps, *others)

        self._head = head
        self._shape: Tuple[int, ...] = ()
        self._pass: Any = None

    def plan(self, pictures: ms.Tensor) -> TrainingPass:
        """The pass for pictures of this shape. Raises EngineUnavailable."""
        shape = pictures.shape
        if shape != self._shape:
            self._shape, self._pass = (), None  # its memory is that of a whole batch
            gc.collect()
            self._pass = TrainingPass(self._network, shape[0], shape[2], self._blocks)
            self._shape = shape
        return self._pass

    def __call__(self, pictures: ms.Tensor, *others: ms.Tensor) -> Tuple[ms.Tensor, Tuple[ms.Tensor, ...]]:
        backbone = self.plan(pictures)
        maps = ms.Tensor(backbone.forward(pictures.asnumpy()))
        loss, (of_maps, of_others) = self._head(maps, *others)
        found = {name: ms.Tensor(array) for name, array in backbone.backward(of_maps.asnumpy()).items()}
        found.update({parameter.name: gradient for parameter, gradient in zip(self._others, of_others)})
        return loss, tuple(found[parameter.name] for parameter in self._trained)
