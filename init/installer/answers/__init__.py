"""What the operator is asked and says: the command line, the declared answers, their values."""
