"""What a gradient depends on: problems, their lines, samples and data. It may import manual. Start with problem.py."""
