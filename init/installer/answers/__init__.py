"""The operator's input: the command line, the declared answers, their values."""
