"""check_backward: any hand-written backward pass against its reference, per entry, in the dtype that it runs in."""
