"""What of a network's answers is right, undecided, carried forward or wrong, and what that is worth.

It may import cases, the diagnosis beside it, grading, bounds and what lies below. Start with judging.py, then
scoring.py.
"""
