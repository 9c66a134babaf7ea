"""One rule an aten operation: its value, and how far its inputs' errors and its own rounding move it."""
