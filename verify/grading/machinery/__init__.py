"""What serves any lesson: problems, certificate, verdicts, names, points, record. It may import grading, isolation,
submissions, witnesses, bounds and what lies below them, and no lesson. Start with examining.py.
"""
