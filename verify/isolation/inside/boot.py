"""The first lines of a process that will run student code: installs imports, loads the other modules, starts one.

It is run from its source, with the descriptor of a bundle and those that the started function takes as arguments.
"""

import gc
import marshal
import os
import sys
from types import ModuleType


def _read(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def boot(descriptors: list[int]) -> None:
    """Runs what a bundle describes: {"modules": [(name, code)], "start": ..., and what is configured}."""
    # Nothing of what is imported here is garbage.
    gc.disable()
    collect_again = gc.enable
    config = marshal.loads(_read(descriptors[0]))
    os.close(descriptors[0])
    package = "verify.isolation.inside"
    stubs = ["verify", "verify.isolation", package]
    for name in stubs:
        sys.modules[name] = ModuleType(name)
    for name, code in config["modules"]:
        module = ModuleType(f"{package}.{name}")
        sys.modules[module.__name__] = module
        setattr(sys.modules[package], name, module)
        exec(code, module.__dict__)
        if name == "rooms":
            if config["room"] is not None:
                module.enter(config["room"])
            _arrange_imports(sys.modules[f"{package}.imports"], config)
    start = getattr(sys.modules[f"{package}.{config['start'][0]}"], config["start"][1])
    # From here on nothing of the grader's can be imported by name.
    for name in [name for name in sys.modules if name.split(".")[0] == "verify"]:
        del sys.modules[name]
    sys.modules["__main__"].__dict__.clear()
    for name in config["preload"]:
        __import__(name)
    collect_again()
    start(*descriptors[1:], config)


def _arrange_imports(imports: ModuleType, config: dict) -> None:
    old = [*sys.path, *config["packages"]["paths"]]
    new = imports.reach_without_rights(old) if config["switch_user"] else old
    if new != old:
        imports.move_imports(old, new)
    imports.install(new[len(old) - len(config["packages"]["paths"]) :], config["packages"]["names"])


boot([int(word) for word in sys.argv[1:]])
