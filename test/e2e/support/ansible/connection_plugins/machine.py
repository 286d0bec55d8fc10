"""Ansible's connection to a test machine, see machine.ts: the variable `machine_entry` is the command that enters it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: machine
short_description: runs commands in a test machine
description: Enters the machine's namespaces from the host.
options:
  entry:
    description: Command that enters the machine and runs its arguments there.
    type: list
    elements: str
    required: true
    vars:
      - name: machine_entry
"""


class Connection(ConnectionBase):
    transport = "machine"
    has_pipelining = True

    def _connect(self):
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        entered = [*self.get_option("entry"), "sh", "-c", cmd]
        run = subprocess.run(entered, input=in_data or b"", capture_output=True, check=False)
        return run.returncode, run.stdout, run.stderr

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        self._copy(["sh", "-c", f"cat >{shlex.quote(out_path)}"], Path(in_path).read_bytes())

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        Path(out_path).write_bytes(self._copy(["cat", in_path], b""))

    def _copy(self, command, source):
        entered = [*self.get_option("entry"), *command]
        return subprocess.run(entered, input=source, stdout=subprocess.PIPE, check=True).stdout

    def close(self):
        pass
