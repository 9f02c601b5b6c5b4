"""The network's arithmetic on a CPU, faster than MindSpore's operators. Knows a network by its cells alone."""
