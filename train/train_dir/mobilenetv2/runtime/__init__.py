"""Errors, files, devices, worker processes, signals and logs. Imports nothing of the data or the network."""
