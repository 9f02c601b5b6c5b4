"""The program and its machine: errors, files, devices, processes, logs. Knows nothing of pictures or networks."""
