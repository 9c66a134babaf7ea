"""One module per lesson; the network's is a package.

A lesson may import grading, manual and torch_ref. Start with registry.py, then regression.py, the shortest.
"""
