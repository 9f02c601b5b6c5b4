"""Metrics, intervals, calibration, cross-validation and outlier detection, from logits and features. Needs no network."""
