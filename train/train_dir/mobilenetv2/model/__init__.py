"""MobileNetV2 and its parameters: the network, pretrained weights, prediction, quantization and the checkpoint file."""
