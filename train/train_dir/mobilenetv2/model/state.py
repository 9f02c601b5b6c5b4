"""Read, set and hash the parameters of a network."""

import hashlib
from typing import Dict

import numpy as np
from mindspore import Tensor, nn


def fingerprint(cell: nn.Cell) -> str:
    """SHA-256, in hexadecimal, of a network or a part of it: its cells, with padding and epsilon, and its parameters."""
    digest = hashlib.sha256(str(cell).encode())
    for parameter in cell.get_parameters():
        digest.update(parameter.asnumpy().tobytes())
    return digest.hexdigest()


def state_dict(network: nn.Cell) -> Dict[str, np.ndarray]:
    """Copies of all parameters, f32, by name."""
    return {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}


def load_state_dict(network: nn.Cell, values: Dict[str, np.ndarray]) -> None:
    """Set the parameters of these names. values: f32, of the parameters' shapes. Raises KeyError for an unknown name."""
    parameters = network.parameters_dict()
    for name, value in values.items():
        parameters[name].set_data(Tensor(value))
