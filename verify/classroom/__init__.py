"""A class: crew, gradebook, exports, cluster. Start with classroom.py."""
