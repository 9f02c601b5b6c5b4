"""Keras on TensorFlow: keras.applications.MobileNetV2, whose conventions are those of the weights."""

import os
from functools import partial
from typing import Callable

os.environ["KERAS_BACKEND"] = "tensorflow"

import child
import keras
import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(child.THREADS)
tf.config.threading.set_inter_op_parallelism_threads(1)


def build(classes: int = len(child.CLASSES)) -> keras.Model:
    model = keras.applications.MobileNetV2(weights=None, classes=classes, classifier_activation=None)
    *backbone, head = [layer for layer in model.layers if layer.weights]
    for layer, values in zip(backbone, child.layers()):
        if len(values) == 1:  # a kernel [O, I, H, W] -> [H, W, I, O]; depthwise [O, 1, H, W] -> [H, W, O, 1]
            order = (2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else (2, 3, 1, 0)
            values = (values[0].transpose(order),)
        layer.set_weights(values)
    values = child.tensors()
    head.set_weights([values["classifier.1.weight"].T, values["classifier.1.bias"]])
    return model


class GivenMoments(keras.Model):
    """In training, too; a functional model would hand its own `training` on to all layers."""

    def __init__(self, model: keras.Model):
        super().__init__()
        self._model = model

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._model(inputs, training=False)


def forward(pictures: np.ndarray, labels: np.ndarray) -> Callable[[], np.ndarray]:
    inputs = tf.constant(np.ascontiguousarray(pictures.transpose(0, 2, 3, 1)))
    model = build()
    run = tf.function(lambda: model(inputs, training=False))
    return lambda: run().numpy()


def step(pictures: np.ndarray, labels: np.ndarray, given: bool = False) -> Callable[[], np.ndarray]:
    model, inputs = build(), np.ascontiguousarray(pictures.transpose(0, 2, 3, 1))
    model = GivenMoments(model) if given else model
    targets = np.eye(len(child.CLASSES), dtype=np.float32)[labels]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=child.SMOOTHING)
    model.compile(
        keras.optimizers.Adam(child.RATE), loss, jit_compile=False
    )  # XLA compiles this step for minutes on a CPU
    return lambda: np.float32(model.train_on_batch(inputs, targets))


def job(batch: int = 32) -> None:
    """The usual transfer learning: photos from a folder, mirrored and zoomed, Adam on the last layer."""
    options = {"image_size": (224, 224), "batch_size": batch, "crop_to_aspect_ratio": True, "label_mode": "categorical"}
    folders = (str(child.FOLDER / split) for split in ("train", "val"))
    train, val = (keras.utils.image_dataset_from_directory(folder, **options) for folder in folders)
    count = len(val.file_paths)
    backbone = keras.Model((full := build()).input, full.layers[-2].output)
    backbone.trainable = False
    inputs = keras.Input((224, 224, 3))
    varied = keras.layers.RandomZoom(0.2)(keras.layers.RandomFlip("horizontal")(inputs))
    features = backbone(keras.layers.Rescaling(1 / 127.5, -1)(varied), training=False)
    model = keras.Model(inputs, keras.layers.Dense(len(train.class_names))(features))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=child.SMOOTHING)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    said = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: child.epoch_line(epoch, logs["val_accuracy"] * count, count)
    )
    ready = (data.prefetch(tf.data.AUTOTUNE) for data in (train, val))
    model.fit(next(ready), validation_data=next(ready), epochs=child.EPOCHS, callbacks=[said], verbose=0)


if __name__ == "__main__":
    job() if child.JOB else child.serve(forward=forward, step=step, step_given=partial(step, given=True))
