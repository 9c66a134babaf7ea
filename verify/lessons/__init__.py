"""One module a lesson; the network's is a package."""
