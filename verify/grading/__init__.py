"""The machinery of grading: cases, answers, judging, scoring, the record.

It may import isolation, submissions, witnesses, bounds and what lies below them; the network's judging, which still
lies here, imports lessons.network too. For the network start with grade.py, for any other lesson with lesson.py.
"""
