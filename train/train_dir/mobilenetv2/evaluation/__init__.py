"""Numbers about logits and features, in NumPy: intervals, calibration, cross-validation, "neither". Knows no network."""
