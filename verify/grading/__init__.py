"""What grades whatever the lesson: the lesson as a value, assignments, answers, verdicts, points, the record.

It may import isolation, submissions, witnesses, bounds and what lies below them, and no lesson. Start with lesson.py,
then machinery/examining.py.
"""
