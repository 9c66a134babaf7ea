"""What runs on the student's side of the wall. These modules import nothing of the project but one another.

They are sent there as compiled code, so the project itself need not be importable, and is not.
"""
