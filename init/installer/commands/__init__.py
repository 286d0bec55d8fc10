"""The commands of init/bootstrap.sh, a module each."""
