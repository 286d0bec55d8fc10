"""What Keystone does while keys on its disk are incomplete. Keystone, its keys and its requests are real."""

from __future__ import annotations

import unittest

import keystone_in_process
import support

_PREPARE = r"""
import json, os, shutil
import keystone_in_process as keystone
from keystone_in_process import ADMIN, ask, token

def status(subject, by):
    return ask("GET", "/v3/auth/tokens", x_auth_token=by, x_subject_token=subject)[0]
"""

_FERNET = (
    _PREPARE
    + r"""
keystone.start()
admin = token(scope=ADMIN)

def emptied():
    for name in os.listdir("fernet"):
        os.remove(f"fernet/{name}")

def primary_is_empty():
    open("fernet/1", "w").close()

def cut_off():
    with open("fernet/1", "r+") as file:
        file.truncate(20)

def missing():
    shutil.rmtree("fernet")

def a_directory():
    os.remove("fernet/1")
    os.mkdir("fernet/1")

found = {}
shutil.copytree("fernet", "kept")
for damage in (emptied, primary_is_empty, cut_off, missing, a_directory):
    damage()
    made = token(scope=ADMIN)
    found[damage.__name__] = [status(admin, made), status(made, admin)]
    shutil.rmtree("fernet", ignore_errors=True)
    shutil.copytree("kept", "fernet")
    found[damage.__name__].append(status(made, admin))
with open("keystone.log") as file:
    found["logged"] = sum("ERROR ksbundle_keystone.keysets" in line for line in file)
from cryptography.fernet import Fernet
os.rename("fernet/0", "fernet/2")
with open("fernet/0", "wb") as file:
    file.write(Fernet.generate_key())
rotated = token(scope=ADMIN)
with open("fernet/2") as file:
    Fernet(file.read()).decrypt(rotated + "=" * (-len(rotated) % 4))
found["rotated"] = status(admin, rotated)
print(json.dumps(found))
"""
)

_CREDENTIALS = (
    _PREPARE
    + r"""
from keystone.common.fernet_utils import NULL_KEY

keystone.start()
admin = token(scope=ADMIN)

def add(text):
    facts = {"type": "cert", "blob": text, "user_id": "someone"}
    status, _, body = ask("POST", "/v3/credentials", {"credential": facts}, x_auth_token=admin)
    return status

def blobs():
    from keystone.common import sql
    from keystone.credential.backends.sql import CredentialModel
    with sql.session_for_read() as session:
        return [row.encrypted_blob for row in session.query(CredentialModel)]

def readable_by_everybody(blob):
    from cryptography.fernet import Fernet, InvalidToken
    try:
        Fernet(NULL_KEY).decrypt(blob.encode() if isinstance(blob, str) else blob)
    except InvalidToken:
        return False
    return True

os.rename("credential", "kept")
never = add("before any was read")
os.rename("kept", "credential")
first = add("complete")
os.rename("credential", "kept")
later = add("missing")
print(json.dumps([never, first, later, [readable_by_everybody(blob) for blob in blobs()]]))
"""
)

_SIGNED = (
    _PREPARE
    + r"""
import subprocess
os.mkdir("jws-public")
os.mkdir("jws-private")
subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "jws-private/private.pem"],
    check=True)
subprocess.run(["openssl", "ec", "-in", "jws-private/private.pem", "-pubout", "-out", "jws-public/1.pem"], check=True)
keystone.start({
    "token": {"provider": "jws"},
    "jwt_tokens": {"jws_public_key_repository": "jws-public", "jws_private_key_repository": "jws-private"},
})
admin = token(scope=ADMIN)
found = [status(admin, admin)]
os.rename("jws-public", "shown")
os.mkdir("jws-public")
os.rename("jws-private/private.pem", "signing.pem")
open("jws-private/private.pem", "w").close()
made = token(scope=ADMIN)
found.append(status(made, admin))
shutil.rmtree("jws-public")
os.rename("shown", "jws-public")
found.append(status(made, admin))
print(json.dumps(found))
"""
)


class KeysetsTest(support.DirectoryTest):
    def test_tokens_are_made_and_read_with_the_last_complete_set(self) -> None:
        found = keystone_in_process.run(self, _FERNET, self.directory)
        logged, rotated = found.pop("logged"), found.pop("rotated")
        self.assertEqual(set(map(tuple, found.values())), {(200, 200, 200)})
        self.assertEqual(len(found), 5)
        self.assertEqual(logged, len(found))
        self.assertEqual(rotated, 200)

    def test_no_credential_is_encrypted_with_the_key_that_everybody_knows(self) -> None:
        found = keystone_in_process.run(self, _CREDENTIALS, self.directory)
        self.assertEqual(found, [500, 201, 201, [False, False]])

    def test_signed_tokens_are_made_and_read_with_the_last_complete_set(self) -> None:
        self.assertEqual(keystone_in_process.run(self, _SIGNED, self.directory), [200, 200, 200])


if __name__ == "__main__":
    unittest.main()
