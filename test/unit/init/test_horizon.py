"""What the bundle openstack derives for Horizon from the answers and renders; its service is tested end to end."""

from __future__ import annotations

import http.server
import importlib
import importlib.util
import io
import os
import re
import runpy
import sys
import threading
import types
import unittest
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keystone_site
import support
from installer.errors import Failure

SECRET = "keys/horizon-secret-key"
SETTINGS = "etc/horizon/local_settings.py"
MODULES = support.REPOSITORY / "init/services/horizon/site-packages"


class HorizonTest(keystone_site.KeystoneSiteTest):
    bundle = keystone_site.bundle("openstack")

    def settings(self, **texts: Any) -> dict[str, Any]:
        (self.instance / "keys").mkdir(exist_ok=True)
        (self.instance / SECRET).write_text("5ecret\n")
        place = self.file("settings.py", self.rendered(SETTINGS, self.site(**texts)))
        return runpy.run_path(place)

    def test_it_has_a_port_and_a_url_of_its_own_and_nothing_in_the_catalog(self) -> None:
        site = self.site(host=["10.0.0.1"])
        self.assertIn(8080, [each.port for each in self.product.listeners(site)])
        self.assertIn("http://10.0.0.1:8080", self.product.urls(site))
        self.assertNotIn("horizon", self.product.state(site)["services"])

    def test_its_settings_follow_the_answers(self) -> None:
        plain = self.settings(port=["5001"])
        self.assertEqual(plain["WEBROOT"], "/")
        self.assertEqual(plain["SECRET_KEY"], "5ecret")
        self.assertEqual(plain["OPENSTACK_KEYSTONE_URL"], "http://127.0.0.1:5001/v3")
        self.assertIs(plain["SESSION_COOKIE_SECURE"] or plain["CSRF_COOKIE_SECURE"], False)
        self.assertIs(plain["OPENSTACK_NEUTRON_NETWORK"]["enable_quotas"], False)
        behind = self.settings(horizon_url=["https://cloud.example/dashboard"])
        self.assertEqual(behind["WEBROOT"], "/dashboard/")
        self.assertIs(behind["SESSION_COOKIE_SECURE"] and behind["CSRF_COOKIE_SECURE"], True)

    def test_sessions_have_a_server_of_their_own(self) -> None:
        daemons = {daemon.name: daemon for daemon in self.product.daemons(self.site())}
        own, other = daemons["horizon-sessions"], daemons["memcached"]
        self.assertEqual(own.argv, other.argv)
        cache = self.settings()["CACHES"]["default"]["LOCATION"]
        self.assertEqual(cache, "unix:/proc/self/cwd/../horizon-sessions/socket")
        self.assertLess(len(cache), 108)

    def test_places_for_which_a_release_has_no_pages_are_refused(self) -> None:
        for url in ("http://a", "http://a/", "http://a/dashboard", "http://a/dashboard/"):
            self.assertEqual(self.product.check_answers(self.site(horizon_url=[url])), [], url)
        (problem,) = self.product.check_answers(self.site(horizon_url=["http://a/cloud"]))
        self.assertEqual(problem.where, "http://a/cloud")

    def test_the_places_are_those_that_the_build_makes_pages_for(self) -> None:
        hooks = sys.modules["ksbundle_services.horizon.hooks"]
        places = runpy.run_path(str(MODULES / "ksbundle_horizon/places.py"))
        self.assertEqual((hooks._WEBROOTS, hooks._STATIC), (places["WEBROOTS"], places["STATIC"]))
        manifests = [places["manifest"](each) for each in places["WEBROOTS"]]
        self.assertEqual(manifests, ["manifest.json", "manifest-dashboard.json"])

    def test_httpd_serves_files_of_the_release_at_both_places(self) -> None:
        conf = self.rendered("etc/horizon/httpd.conf", self.site(horizon_url=["https://cloud.example/dashboard"]))
        aliases = re.findall(r"^Alias (\S+) ", conf, re.MULTILINE)
        self.assertEqual(aliases, ["/dashboard/static", "/static"])
        self.assertIn("key st", conf)
        self.assertNotIn(f'"{self.instance}', conf)
        self.assertIn("Include", self.rendered("etc/httpd.conf", self.site()))


class Dashboard(http.server.BaseHTTPRequestHandler):
    """Answers as Horizon does. `broken` names a path that is not found."""

    broken = ""
    asked: ClassVar[list[str]] = []

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, status: int, body: str = "", *cookies: str) -> None:
        self.send_response(status)
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        type(self).asked.append(f"GET {self.path} {self.headers.get('Cookie', '')}")
        if self.path == self.broken:
            self._answer(404)
        elif self.path.endswith("/login/"):
            page = '<script src="/s/a.js"></script><link type="text/css" href="/s/a.css?x=1&amp;y.css">'
            self._answer(200, f'{page}<input type="hidden" name="region" value="o&#x27;ne">', "csrftoken=t0; Path=/")
        else:
            self._answer(200, "content")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        type(self).asked.append(f"POST {self.path} {body} {self.headers.get('Cookie', '')}")
        self._answer(302, "", "csrftoken=t1; Path=/", "horizon_sessionid=s; HttpOnly")


class ProofTest(keystone_site.KeystoneSiteTest):
    bundle = keystone_site.bundle("openstack")

    def setUp(self) -> None:
        super().setUp()
        self.proof = importlib.import_module("ksbundle_services.horizon.proof")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Dashboard)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        Dashboard.broken, Dashboard.asked = "", []
        self.browser = self.proof.Browser(self.site(), f"http://127.0.0.1:{server.server_port}/dashboard/")

    def test_a_login_page_has_all_that_it_names(self) -> None:
        self.assertIn("all its scripts", self.proof.login_page(self.browser))
        paths = [asked.split(" ")[1] for asked in Dashboard.asked]
        self.assertEqual(paths, ["/dashboard/auth/login/", "/s/a.css?x=1&y.css", "/s/a.js"])

    def test_a_missing_script_is_a_failure_that_names_it(self) -> None:
        Dashboard.broken = "/s/a.js"
        with self.assertRaises(Failure) as caught:
            self.proof.login_page(self.browser)
        self.assertTrue(caught.exception.problems[0].where.endswith("/s/a.js"))

    def test_it_sends_hidden_values_and_all_cookies_and_logs_out(self) -> None:
        (self.instance / "admin-password").write_text("pass&word\n")
        os.chmod(self.instance / "admin-password", 0o600)
        original = self.proof.client.ask_for_token
        self.addCleanup(setattr, self.proof.client, "ask_for_token", original)
        self.proof.client.ask_for_token = lambda *_, **__: types.SimpleNamespace(status=201)
        self.assertEqual(self.proof.logged_in(self.browser, "http://k/v3"), ["admin logged in and listed images"])
        login, images, logout = Dashboard.asked[1:]
        self.assertIn("region=o%27ne", login)
        self.assertIn("password=pass%26word", login)
        self.assertTrue(login.endswith(" csrftoken=t0"), login)
        self.assertIn("/dashboard/api/glance/images/ csrftoken=t1; horizon_sessionid=s", images)
        self.assertTrue(logout.startswith("POST /dashboard/auth/logout/ csrfmiddlewaretoken=t1"), logout)

    def test_a_changed_password_proves_no_login(self) -> None:
        original = self.proof.client.ask_for_token
        self.addCleanup(setattr, self.proof.client, "ask_for_token", original)
        self.proof.client.ask_for_token = lambda *_, **__: types.SimpleNamespace(status=401)
        self.assertEqual(self.proof.logged_in(self.browser, "http://k/v3"), [])


@unittest.skipUnless(importlib.util.find_spec("openstack_dashboard"), "the release's Python has Horizon")
class LibrariesTest(unittest.TestCase):
    """With the libraries of a release."""

    def setUp(self) -> None:
        adaptations = importlib.import_module("ksbundle_horizon")
        adaptations.use_settings({"SECRET_KEY": "unused"})

    def test_no_release_has_the_compiler_of_style_sheets_or_pillow_and_pages_do_without(self) -> None:
        self.assertIsNone(importlib.util.find_spec("sass"))
        self.assertIsNone(importlib.util.find_spec("PIL"))
        import django

        django.setup()
        from django.urls import get_resolver

        self.assertGreater(len(get_resolver().url_patterns), 3)

    def test_a_qr_code_is_a_png(self) -> None:
        import qrcode

        # As openstack_dashboard/dashboards/identity/credentials/views.py does.
        file = io.BytesIO()
        qrcode.make("otpauth://totp/Keystone:admin?secret=A").save(file, format="png")
        self.assertTrue(file.getvalue().startswith(b"\x89PNG"))

    def test_the_version_of_debreach_is_known_and_no_distutils_is_left(self) -> None:
        import debreach

        self.assertEqual(debreach.version_info[0], 2)
        self.assertNotIn("distutils", sys.modules)


@unittest.skipUnless(importlib.util.find_spec("django"), "the release's Python has Django")
class MountTest(unittest.TestCase):
    def test_pages_and_files_are_found_with_and_without_the_place(self) -> None:
        application: Any = importlib.import_module("ksbundle_horizon.application")
        seen: list[tuple[str, str, str]] = []

        def as_named(name: str) -> Callable[[Mapping[str, Any], object], list[bytes]]:
            def serve(environ: Mapping[str, Any], _start: object) -> list[bytes]:
                seen.append((name, environ["SCRIPT_NAME"], environ["PATH_INFO"]))
                return []

            return serve

        django_conf: Any = importlib.import_module("django.conf")
        original = django_conf.settings
        self.addCleanup(setattr, django_conf, "settings", original)
        for webroot in ("/dashboard/", "/"):
            django_conf.settings = types.SimpleNamespace(WEBROOT=webroot)
            mounted = application.mount(as_named("page"), as_named("file"))
            pages, file = ("/dashboard", "/dashboard/auth/login/", "/auth/login/"), "/static/a.css"
            for path in (*pages, file, f"/dashboard{file}"):
                mounted({"PATH_INFO": path}, None)
        self.assertEqual(
            seen,
            [
                ("page", "/dashboard", "/"),
                ("page", "/dashboard", "/auth/login/"),
                ("page", "/dashboard", "/auth/login/"),
                ("file", "", "/dashboard/static/a.css"),
                ("file", "", "/dashboard/static/a.css"),
                ("page", "", "/dashboard"),
                ("page", "", "/dashboard/auth/login/"),
                ("page", "", "/auth/login/"),
                ("file", "", "/static/a.css"),
                ("page", "", "/dashboard/static/a.css"),
            ],
        )
