"""The command lines: thin, they parse their arguments and call verify."""
