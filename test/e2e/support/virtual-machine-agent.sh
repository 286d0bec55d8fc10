#!/bin/sh
# Runs scripts from the second serial line in a virtual machine: one per line, in base64. Answers with exit code, output
# and errors, also in base64; prints "ready" first.
exec <>/dev/ttyS1 >&0
stty raw -echo
directory=/run/agent
mkdir -p "$directory"
echo ready
while read -r script; do
  printf %s "$script" | base64 -d >"$directory/script"
  # Through pipes, which every domain of SELinux may write to.
  {
    {
      sh "$directory/script" 2>&3 3>&- </dev/null
      echo $? >"$directory/code"
    } | cat >"$directory/output"
  } 3>&1 | cat >"$directory/errors"
  echo "$(cat "$directory/code") $(base64 -w0 "$directory/output") $(base64 -w0 "$directory/errors")"
done
