"""Image files and data sets: scanning, decoding, augmentation, caching, the sample set. Imports nothing of the network."""
