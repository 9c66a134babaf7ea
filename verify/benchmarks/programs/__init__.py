"""Programs as students write them, drawn at random: right ones in many forms, and wrong ones made by changing a place.

They are written against the contract of a submission alone (docs/STUDENT.md) and know nothing of the grader: neither
its equations nor its catalogue. What is true of a program is found by `oracle`, from the loss and not by hand.
"""
