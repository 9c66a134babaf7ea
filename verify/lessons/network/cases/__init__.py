"""The problems that a network's submission is asked, and the smallest that shows a mistake, worked by hand.

It may import grading, the mistakes beside it, witnesses, bounds and what lies below. Start with fixtures.py.
"""
