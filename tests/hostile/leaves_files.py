"""Leaves files wherever it can, and says which of an earlier one's it sees."""

import contextlib
import glob
import os

places = ["/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run", "/run/lock", "/var/lock", "/", os.path.expanduser("~"), os.getcwd(), ".."]
seen = [name for place in places for name in glob.glob(place + "/hostile-left*")]
for place in places:
    for name in ("hostile-left", ".hostile-left"):
        with contextlib.suppress(OSError), open(f"{place}/{name}", "w") as stream:
            stream.write("for the next one")
    with contextlib.suppress(OSError):
        os.makedirs(f"{place}/hostile-left-folder/deep/er")
        os.chmod(f"{place}/hostile-left-folder", 0)


def gradients(*problem):
    return seen
