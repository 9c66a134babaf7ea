"""Imported last where workers are forked from: what is loaded by then is no garbage, and stays shared with them."""

import gc

gc.collect()
gc.freeze()
