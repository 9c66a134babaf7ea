"""Lessons other than the network: those that come with backproof, and one that an instructor wrote."""
