"""A class: crew, gradebook, exports, cluster.

It may import lessons, grading, submissions and reports. Start with classroom.py.
"""
