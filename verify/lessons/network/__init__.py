"""The slides' network as a lesson: how it is posed, judged and explained.

`cases/` poses its problems, `judging/` says what is right and what it is worth, and the modules here find the mistakes
that explain what is wrong. It may import what any lesson may. Start with grade.py, then diagnosis.py and mistakes.py.
"""
