"""What students get of an assignment: STUDENT.md, a starter file and notebook, a self-check. Start with making.py."""
