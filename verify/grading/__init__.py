"""The machinery of grading: cases, answers, judging, scoring, the record. Start with grade.py."""
