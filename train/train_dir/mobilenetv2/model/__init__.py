"""MobileNetV2 and its parameters: the network, others' weights, the checkpoint."""
