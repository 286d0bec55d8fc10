#!/bin/sh
# First process of new namespaces that see the host's files. Prints "ready", and ends with its input.
echo ready
# Bash, because it reaps orphaned processes while it waits.
exec bash -c 'while read -r _; do :; done'
