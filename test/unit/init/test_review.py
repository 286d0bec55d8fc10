"""A release's review of settings and policies that were written for an earlier one: a table of planted faults.
Keystone's own code finds them, so these tests need a release's Python (KSBUNDLE_TEST_INIT)."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import unittest
from typing import Any

import support

#: Contents of a settings file, and words of the expected finding.
SETTINGS: list[tuple[str, str]] = [
    ("[token]\nexpirations = 60\n", "[token] expirations is unknown to this release"),
    ("[tokens]\nexpiration = 60\n", "the section [tokens] is unknown to this release"),
    ("[token]\nexpiration = soon\n", "[token] expiration has a value that this release refuses"),
    ("[token]\nallow_rescope_scoped_token = maybe\n", "[token] allow_rescope_scoped_token has a value that this"),
    (
        "[security_compliance]\npassword_regex_description = x\nlockout_failure_attempts = 0\n",
        "lockout_failure_attempts has",
    ),
    ("[revoke]\nexpiration_buffer = -1\n", "[revoke] expiration_buffer has a value that this release refuses"),
    ("[token]\ncache_on_issue = true\n", "[token] cache_on_issue will be removed"),
    ("[federation]\nfederated_domain_name = F\n", "[federation] federated_domain_name will be removed"),
    ("[cache]\nmemcache_password = x\n", "[cache] memcache_password is now called [cache] password"),
    ("[assignment]\nlist_limit = 9\n", "[assignment] list_limit is now called [resource] list_limit"),
    ("[database]\nidle_timeout = 10\n", "[database] idle_timeout is unknown to this release"),
    ("[DEFAULT]\nlog-dir = /x\nlogfile = y\n", "[DEFAULT] logfile is now called [DEFAULT] log_file"),
    ("[DEFAULT]\nverbose = true\n", "[DEFAULT] verbose is unknown to this release"),
    ("[oslo_policy]\nenforce_scope = perhaps\n", "[oslo_policy] enforce_scope is unknown to this release"),
    ("expiration = 60\nno setting\n", "a file of settings cannot be read"),
]
#: The same for policies.
POLICIES: list[tuple[str, str]] = [
    ('"identity:list_userz": "role:reader"\n', "the policy identity:list_userz is unknown to this release"),
    ('"identity:list_users": "role:reader and and"\n', "the policy identity:list_users cannot be understood"),
    ('"identity:list_users": "rule:owners"\n', "the policy identity:list_users refers to a missing rule"),
    ('"a": "rule:b"\n"b": "rule:a"\n', "the policy a refers to itself"),
    ('"identity:create_user": "domain_id:%(user.domain_id)s"\n', "reads an attribute that this release does not offer"),
    ('"identity:create_project": "domain_id:%(domain_id)s"\n', "attributes of a body are %(request_body.domain_id)s"),
    ('"identity:create_trust": "user_id:%(trust.trustor_user_id)s"\n', "use %(target.trust.trustor_user_id)s"),
    ('"identity:list_users": "rule:admin_required"\n', "list_users has a check that the release deprecates"),
    ('"identity:revocation_list": "role:reader"\n', "the policy identity:revocation_list will be removed"),
    ("- no mapping\n", "a file of policies is not a mapping of rules"),
    ('"identity:list_users": "role:reader\n', "a file of policies cannot be read"),
]
#: Valid settings and policies.
SOUND = """
[DEFAULT]
log_file = $state_path/x
debug = true
[token]
expiration = 7200
[database]
max_retries = 3
[openid]
remote_id_attribute = HTTP_OIDC_ISS
[ldap]
user_tree_dn = ou=Users
"""
SOUND_POLICIES = """
"identity:list_users": "role:reader and domain_id:%(target.domain_id)s"
"identity:get_user": "rule:ours or user_id:%(user_id)s"
"ours": "role:ours and project_id:%(request_body.project.id)s"
"identity:create_region": "!"
"""


class ReviewTest(support.DirectoryTest):
    def setUp(self) -> None:
        super().setUp()
        if importlib.util.find_spec("keystone") is None:
            self.skipTest("no release: this Python has no Keystone (KSBUNDLE_TEST_INIT)")
        self.review: Any = importlib.import_module("ksbundle_keystone.review")
        self.path = str(self.directory / "own")

    def found(self, kind: str, text: str) -> list[dict[str, Any]]:
        findings = self.review.Findings()
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
        if kind == "settings":
            self.review.review_settings(findings, self.review.Known(), self.path)
        else:
            self.review.review_policies(findings, self.review.Rules(), [self.path])
        return list(findings)

    def test_each_breakage_is_named_with_its_place(self) -> None:
        planted = [("settings", *each) for each in SETTINGS] + [("policies", *each) for each in POLICIES]
        self.assertGreaterEqual(len(planted), 20)
        for kind, text, wanted in planted:
            with self.subTest(text=text):
                found = self.found(kind, text)
                said = ["; ".join([each["what"], each["why"], each["hint"]]) for each in found]
                self.assertTrue(any(wanted in words for words in said), said)
                for each in found:
                    self.assertTrue(each["where"].startswith(self.path), each)

    def test_only_findings_that_prevent_a_start_stop_the_upgrade(self) -> None:
        stopping = ("refuses", "cannot be read", "is not a mapping")
        for kind, planted in (("settings", SETTINGS), ("policies", POLICIES)):
            for text, _ in planted:
                for each in self.found(kind, text):
                    self.assertEqual(each["stops"], any(words in each["what"] for words in stopping), each)

    def test_findings_have_line_numbers(self) -> None:
        (finding,) = self.found("settings", "[token]\n# expiration = 1\nexpiration = soon\n")
        self.assertEqual(finding["where"], f"{self.path}:3")
        found = self.found("policies", '"ok": "role:a"\n"identity:list_users": "rule:ok or rule:no"\n')
        self.assertEqual([each["where"] for each in found], [f"{self.path}:2"])

    def test_valid_settings_cause_no_finding(self) -> None:
        self.assertEqual(self.found("settings", SOUND), [])
        self.assertEqual(self.found("policies", SOUND_POLICIES), [])

    def test_everything_in_the_releases_own_files_is_known(self) -> None:
        rules = self.review.Rules()
        findings = self.review.Findings()
        for rule in rules.declared.values():
            self.review._review_reads(findings, rules, "", (rule.name, rule.check_str))
        self.assertEqual(findings, [])

    def test_keystone_offers_the_attributes_that_the_review_expects(self) -> None:
        enforcer: Any = importlib.import_module("keystone.common.rbac_enforcer.enforcer")
        source = inspect.getsource(enforcer.RBACEnforcer.enforce_call)
        for name in self.review._OFFERED:
            self.assertIn(f"policy_dict['{name.rstrip('.')}']", source)


if __name__ == "__main__":
    unittest.main()
