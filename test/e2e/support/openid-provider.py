"""An OpenID Connect provider on 127.0.0.1 for one client and one user, who is logged in at once.

python3 openid-provider.py PORT CERTIFICATE KEY CLIENT SECRET MODE: it reads MODE, a file, at every request. `good` does all
right; `issuer`, `audience`, `expired`, `signature` and `nonce` make tokens with that fault; `unknown` refuses codes, and
tells of every token that it is not active; `broken` answers with 500.
"""

import base64
import hashlib
import json
import secrets
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PORT, CERTIFICATE, KEY, CLIENT, SECRET, MODE = sys.argv[1:]
ISSUER = f"https://127.0.0.1:{PORT}/realm"
SIGNING, STRANGER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
USER = {"sub": "4711", "preferred_username": "alice", "email": "alice@example.org", "groups": ["operators", "staff"]}
PASSWORD = "of alice"
codes = {}


def mode():
    return Path(MODE).read_text().strip()


def base64url(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def number(value):
    return base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def sign(claims):
    head = {"alg": "RS256", "kid": "1", "typ": "JWT"}
    text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
    key = STRANGER if mode() == "signature" else SIGNING
    return f"{text}.{base64url(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def claims():
    """Those of every token."""
    now = int(time.time())
    return {
        **USER,
        "iss": "https://127.0.0.1/another" if mode() == "issuer" else ISSUER,
        "aud": "another" if mode() == "audience" else CLIENT,
        "iat": now - 7200 if mode() == "expired" else now,
        "exp": now - 3600 if mode() == "expired" else now + 300,
    }


def metadata(introspection):
    found = {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "jwks_uri": f"{ISSUER}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
    }
    if introspection:
        found["introspection_endpoint"] = f"{ISSUER}/introspect"
    return found


def keys():
    public = SIGNING.public_key().public_numbers()
    key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1", "n": number(public.n), "e": number(public.e)}
    return {"keys": [key]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if mode() == "broken":
            self.answer(500, {})
        elif url.path == "/realm/.well-known/openid-configuration":
            self.answer(200, metadata(not Path(f"{MODE}.jwt").exists()))
        elif url.path == "/realm/keys":
            self.answer(200, keys())
        elif url.path == "/realm/authorize":
            self.authorize(query)
        elif url.path == "/realm/userinfo":
            self.answer(200 if self.headers.get("Authorization", "").startswith("Bearer ") else 401, USER)
        else:
            self.answer(404, {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if mode() == "broken":
            self.answer(500, {})
        elif not self.is_client():
            self.answer(401, {"error": "invalid_client"})
        elif self.path == "/realm/token":
            self.token(form)
        elif self.path == "/realm/introspect":
            self.introspect(form.get("token", ""))
        else:
            self.answer(404, {})

    def is_client(self):
        given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        return [unquote(part) for part in given.split(":")] == [CLIENT, SECRET]

    def authorize(self, query):
        if query.get("client_id") != CLIENT or query.get("response_type") != "code":
            self.answer(400, {"error": "invalid_request"})
            return
        code = secrets.token_urlsafe()
        codes[code] = query
        target = f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"
        self.answer(302, {}, {"Location": target})

    def token(self, form):
        if form.get("grant_type") == "password":
            right = (form.get("username"), form.get("password")) == (USER["preferred_username"], PASSWORD)
            self.answer(*((200, self.tokens({})) if right else (400, {"error": "invalid_grant"})))
            return
        asked = codes.pop(form.get("code", ""), None)
        verifier = base64url(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            mode() == "unknown"
            or asked is None
            or asked.get("redirect_uri") != form.get("redirect_uri")
            or asked.get("code_challenge") != verifier
        ):
            self.answer(400, {"error": "invalid_grant"})
            return
        nonce = "another" if mode() == "nonce" else asked.get("nonce")
        self.answer(200, self.tokens({"nonce": nonce}))

    def tokens(self, more):
        access = sign({**claims(), "jti": secrets.token_hex(8)})
        given = {"access_token": access, "token_type": "Bearer", "expires_in": 300}
        return {**given, "id_token": sign({**claims(), **more})}

    def introspect(self, token):
        try:
            text = token.split(".")[1]
            found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (IndexError, ValueError):
            found = None
        if found is None or found["exp"] < time.time() or mode() == "unknown":
            self.answer(200, {"active": False})
        else:
            self.answer(200, {"active": True, "client_id": found["aud"], **found})

    def answer(self, status, content, headers=None):
        body = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
