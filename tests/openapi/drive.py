"""Drives the client of openapi-python-client through every operation of the document.

Environment: BASE (the server), DOCUMENT (its OpenAPI 3.1 document, also where the client was made of the 3.0 one),
MAILS (a directory of mails: 1.txt, 2.txt), SERVICE_TOKEN (may verify keys only), BACKEND_TOKEN (may do all that a
service may), STRIPE_SECRET. The generated package `keyward_client` is on PYTHONPATH. Every answer is compared with
its schema in the document. It prints the secrets that it saw, as JSON.
"""

import datetime
import hashlib
import hmac
import importlib
import json
import os
import re
import time

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import keyward_client.models as m
from keyward_client import AuthenticatedClient, Client

BASE, MAILS = os.environ["BASE"], os.environ["MAILS"]
with open(os.environ["DOCUMENT"], encoding="utf-8") as file:
    DOCUMENT = json.load(file)
REGISTRY = Registry().with_resource("urn:document", Resource(contents=DOCUMENT, specification=DRAFT202012))

# Templates without parameters first: they win over those with.
TEMPLATES = sorted(DOCUMENT["paths"], key=lambda path: path.count("{"))
PATTERNS = [(path, re.compile("/".join("[^/]+" if "{" in step else re.escape(step) for step in path.split("/"))))
            for path in TEMPLATES]
succeeded = set()
secrets = []


def secret(text):
    secrets.append(text)
    return text


def pointer(*steps):
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def follow(part):
    while "$ref" in part:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in part["$ref"][2:].split("/")]
        part = DOCUMENT
        for step in steps:
            part = part[step]
    return part


def check_answer(response):
    """An answer has a status, a media type and a body that the document promises."""
    response.read()
    method, path = response.request.method.lower(), response.request.url.path
    template = next(template for template, pattern in PATTERNS if pattern.fullmatch(path))
    operation = DOCUMENT["paths"][template][method]
    what = f"{method} {template}: {response.status_code} {response.text[:500]}"
    assert str(response.status_code) in operation["responses"], what
    documented = follow(operation["responses"][str(response.status_code)])
    assert "X-Request-ID" in documented["headers"] and "x-request-id" in response.headers, what
    content = documented.get("content")
    if content:
        media = response.headers["content-type"].split(";")[0]
        assert media in content, what
        if media == "application/json":
            schema = inline_schema(content[media]["schema"])
            errors = list(Draft202012Validator(schema, registry=REGISTRY, format_checker=FormatChecker())
                          .iter_errors(response.json()))
            assert not errors, f"{what}\n{errors}"
    else:
        assert not response.content, what
    if response.status_code < 400:
        succeeded.add(operation["operationId"])


def inline_schema(schema):
    """The same with references that lead into the document."""
    return json.loads(json.dumps(schema).replace('"$ref": "#/', '"$ref": "urn:document#/'))


def sign(request):
    """Stripe signs the body that it sends."""
    if request.url.path.endswith("/billing/stripe/webhook"):
        seconds = int(time.time())
        signed = f"{seconds}.".encode() + request.read()
        digest = hmac.new(os.environ["STRIPE_SECRET"].encode(), signed, hashlib.sha256).hexdigest()
        request.headers["stripe-signature"] = f"t={seconds},v1={digest}"


OPTIONS = {
    "base_url": BASE,
    "raise_on_unexpected_status": True,
    "httpx_args": {"event_hooks": {"request": [sign], "response": [check_answer]}, "trust_env": False},
}


def client_of(token):
    return AuthenticatedClient(token=secret(token), **OPTIONS)


anybody = Client(**OPTIONS)


def call(place, kind, *arguments, client=anybody, status=200, **named):
    """Calls an operation, and gives what the client made of the answer: a value of this type."""
    operation = importlib.import_module(f"keyward_client.api.{place}")
    answer = operation.sync_detailed(*arguments, client=client, **named)
    assert answer.status_code == status, f"{place}: {answer.status_code} {answer.content[:500]}"
    assert isinstance(answer.parsed, kind), f"{place}: {answer.parsed!r}"
    return answer.parsed


NOTHING = type(None)


def mailed(number, pattern):
    """A text of the mail of this number among those that have such a text, once it has come."""
    for _ in range(500):
        texts = []
        for name in sorted(os.listdir(MAILS), key=lambda name: int(name.split(".")[0])):
            with open(os.path.join(MAILS, name), encoding="utf-8") as mail:
                found = re.search(pattern, mail.read().replace("=\r\n", "").replace("=\n", ""))
            texts += [found[1]] if found else []
        if len(texts) >= number:
            return secret(texts[number - 1])
        time.sleep(0.02)
    raise AssertionError(f"no {pattern} for the {number}. time")


# Probes and the provider's public documents.
assert call("operation.healthz", m.Health).status == "ok"
assert call("operation.readyz", m.Readiness).parts.database == "ok"
assert call("identity.jwks", m.JwkSet).keys[0].kty == "RSA"
assert call("identity.certificates", m.CertificatesResponse200).additional_keys
assert call("identity.openid_configuration", m.OpenIdConfiguration).issuer

# A person signs up, in, and in again by the documentation's page.
password = secret("a-generated-password")
ada = call("identity.sign_up", m.SignUpResponse, body=m.PasswordRequest(email="ada@example.com", password=password))
signed_in = call("identity.sign_in", m.SignInResponse,
                 body=m.PasswordRequest(email="ada@example.com", password=password))
assert signed_in.registered is True and signed_in.local_id == ada.local_id
wrong = m.PasswordRequest(email="ada@example.com", password="wrong-password")
refused = call("identity.sign_in", m.FirebaseErrorBody, body=wrong, status=400)
assert refused.error.message == "INVALID_LOGIN_CREDENTIALS"
form = m.PasswordGrant(grant_type="password", username="ada@example.com", password=password)
assert call("identity.docs_token", m.TokenResponse, body=form).token_type == "Bearer"
renewed = call("identity.refresh_id_token", m.RefreshResponse,
               body=m.RefreshRequest(grant_type="refresh_token", refresh_token=secret(signed_in.refresh_token)))
secret(renewed.refresh_token)
update = m.UpdateRequest(id_token=secret(renewed.id_token), display_name="Ada")
assert call("identity.update_account", m.UpdateResponse, body=update).display_name == "Ada"
looked_up = call("identity.look_up_account", m.LookupResponse, body=m.LookupRequest(id_token=renewed.id_token))
assert looked_up.users[0].email_verified is False

# Mailed codes: a new password by the API, and a confirmed address by the page.
call("identity.send_oob_code", m.OobResponse,
     body=m.OobRequest(request_type="PASSWORD_RESET", email="ada@example.com"))
code = mailed(1, r"oobCode=([\w-]+)")
password = secret("another-generated-password")
reset = call("identity.reset_password", m.ResetResponse, body=m.ResetRequest(oob_code=code, new_password=password))
assert reset.request_type == "PASSWORD_RESET"
ada = call("identity.sign_in", m.SignInResponse, body=m.PasswordRequest(email="ada@example.com", password=password))
call("identity.send_oob_code", m.OobResponse,
     body=m.OobRequest(request_type="VERIFY_EMAIL", id_token=secret(ada.id_token)))
code = mailed(2, r"oobCode=([\w-]+)")
assert "<form" in call("identity.action_page", str, oob_code=code)
assert "<html" in call("identity.submit_action", str, body=m.ActionForm(oob_code=code))
assert "<form" in call("identity.reset_page", str)
assert "<html" in call("identity.submit_reset", str, body=m.ResetForm(email="ada@example.com"))
ada = call("identity.sign_in", m.SignInResponse, body=m.PasswordRequest(email="ada@example.com", password=password))
person = client_of(ada.id_token)
secret(ada.refresh_token)

# Organizations and workspaces.
organization = call("organizations.create_organization", m.OrganizationView, client=person, status=201,
                    body=m.CreateOrganization(name="Acme"), idempotency_key="first")
assert organization.role is m.OrganizationRole.OWNER
replayed = call("organizations.create_organization", m.OrganizationView, client=person,
                body=m.CreateOrganization(name="Acme"), idempotency_key="first")
assert replayed.id == organization.id
org = organization.id
too_short = call("organizations.create_organization", m.Error, client=person, status=422,
                 body=m.CreateOrganization(name=""))
assert too_short.error.details[0].field == "name"
page = call("organizations.list_organizations", m.PageOrganizationView, client=person)
assert page.next_cursor is None and isinstance(page.data[0], m.OrganizationView)
call("organizations.rename_organization", m.OrganizationView, org, client=person,
     body=m.OrganizationInput(name="Acme Ltd"))
assert call("organizations.read_organization", m.OrganizationView, org, client=person).name == "Acme Ltd"
subscription = call("organizations.read_subscription", m.SubscriptionView, org, client=person)
assert subscription.status is m.SubscriptionStatus.TRIALING and isinstance(subscription.trial_ends_at, datetime.datetime)
workspace = call("workspaces.create_workspace", m.WorkspaceView, org, client=person, status=201,
                 body=m.WorkspaceInput(name="Production"))
ws = workspace.id
call("workspaces.rename_workspace", m.WorkspaceView, ws, client=person, body=m.WorkspaceInput(name="Live"))
assert call("workspaces.read_workspace", m.WorkspaceView, ws, client=person).role is m.WorkspaceRole.ADMIN
assert call("workspaces.list_workspaces", m.PageWorkspaceView, org, client=person).data[0].name == "Live"
# Sessions: one is ended, one signs out, and the rest ends.
assert call("account.list_sessions", m.PageSessionView, client=person).data[0].current is True
for end in ("end_session", "sign_out"):
    ada_elsewhere = call("identity.sign_in", m.SignInResponse,
                         body=m.PasswordRequest(email="ada@example.com", password=password))
    secret(ada_elsewhere.refresh_token)
    elsewhere = client_of(ada_elsewhere.id_token)
    session = call("account.list_sessions", m.PageSessionView, client=elsewhere).data[0]
    assert session.current is True and isinstance(session.last_used_at, datetime.datetime)
    if end == "end_session":
        call("account.end_session", NOTHING, session.id, client=person, status=204)
    else:
        call("account.sign_out", NOTHING, client=elsewhere, status=204)
    call("account.me", m.Error, client=elsewhere, status=401)
assert call("account.sign_out_others", m.EndedSessions, client=person).ended >= 1
me = call("account.me", m.Me, client=person)
assert me.organizations[0].id == org and me.user.email == "ada@example.com"

# Invitations: one that a page takes, one that the API takes, one that is withdrawn.


def invite(email, role=m.WorkspaceRole.EDITOR):
    grant = [m.WorkspaceGrant(id=ws, role=role)]
    wanted = m.InvitationInput(email=email, role=m.OrganizationRole.MEMBER, workspaces=grant)
    return call("invitations.create_invitation", m.InvitationWithToken, org, client=person, status=201, body=wanted)


invited = invite("grace@example.com")
assert invited.mailed is True and isinstance(invited.expires_at, datetime.datetime)
secret(invited.token)
token = mailed(1, r"token=(inv_[\w-]+)")
assert "<form" in call("identity.invitation_page", str, token=token)
assert "<html" in call("identity.submit_invitation", str, body=m.JoinForm(token=token, password=password))
grace = call("identity.sign_in", m.SignInResponse,
             body=m.PasswordRequest(email="grace@example.com", password=password))
secret(grace.refresh_token)
second = invite("alan@example.com")
secret(second.token)
# Mails are sent one beside the other: the next one is only the fifth once this one has come.
mailed(2, r"token=(inv_[\w-]+)")
call("invitations.resend_invitation", m.InvitationView, org, second.id, client=person)
token = mailed(3, r"token=(inv_[\w-]+)")
signed_up = call("identity.sign_up", m.SignUpResponse,
                 body=m.PasswordRequest(email="alan@example.com", password=password))
secret(signed_up.refresh_token)
alan = client_of(signed_up.id_token)
accepted = call("invitations.accept_invitation", m.Accepted, client=alan, body=m.AcceptInput(token=token))
assert accepted.id == org
third = invite("ken@example.com")
secret(third.token)
assert call("invitations.list_invitations", m.PageInvitationView, org, client=person).data[0].id == third.id
call("invitations.withdraw_invitation", NOTHING, org, third.id, client=person, status=204)

# Members.
members = call("members.list_organization_members", m.PageOrganizationMemberView, org, client=person)
ids = {member.email: member.id for member in members.data}
changed = call("members.change_organization_member", m.OrganizationMemberView, org, ids["grace@example.com"],
               client=person, body=m.OrganizationRoleInput(role=m.OrganizationRole.ADMIN))
assert changed.role is m.OrganizationRole.ADMIN
call("members.put_workspace_member", m.WorkspaceMemberView, ws, ids["alan@example.com"], client=person,
     body=m.WorkspaceRoleInput(role=m.WorkspaceRole.VIEWER))
assert len(call("members.list_workspace_members", m.PageWorkspaceMemberView, ws, client=person).data) == 3

# Roles: one that is made for Alan, who makes a key with a part of it.
wanted = m.RoleInput(name="Clerk", description="Sees documents",
                     permissions=["workspace:read", "keys:own", "posts:read", "invoices:read"])
clerk = call("roles.create_role", m.RoleView, org, client=person, status=201, body=wanted, idempotency_key="clerk")
assert clerk.organization_id == org and clerk.description == "Sees documents"
assert set(clerk.permissions) == set(wanted.permissions)
replayed = call("roles.create_role", m.RoleView, org, client=person, body=wanted, idempotency_key="clerk")
assert replayed.id == clerk.id
undeclared = call("roles.create_role", m.Error, org, client=person, status=422,
                  body=m.RoleInput(name="Other", permissions=["nothing:read"]))
assert undeclared.error.details[0].field == "permissions[0]"
given = call("members.put_workspace_member", m.WorkspaceMemberView, ws, ids["alan@example.com"], client=person,
             body=m.WorkspaceRoleInput(role=clerk.id))
assert given.role == clerk.id
seen = call("workspaces.read_workspace", m.WorkspaceView, ws, client=alan)
assert seen.role == clerk.id and set(seen.permissions) == set(clerk.permissions)
report = call("api_keys.create_api_key", m.ApiKeyWithPlaintext, ws, client=alan, status=201,
              body=m.CreateKey(name="Report", permissions=["posts:read", "invoices:read"]))
assert set(report.permissions) == {"posts:read", "invoices:read"}
reporter = client_of(report.plaintext)
who = call("programs.whoami", m.ProgramView, client=reporter)
assert set(who.permissions) == {"posts:read", "invoices:read"}
too_much = call("api_keys.create_api_key", m.Error, ws, client=alan, status=422,
                body=m.CreateKey(permissions=["invoices:write"]))
assert too_much.error.details[0].field == "permissions[0]"
# A smaller role counts at once.
changed = call("roles.change_role", m.RoleView, org, clerk.id, client=person,
               body=m.ChangeRole(name="Reader", description=None, permissions=["keys:own", "posts:read"]))
assert changed.name == "Reader" and changed.description is None
assert call("programs.whoami", m.ProgramView, client=reporter).permissions == ["posts:read"]
narrowed = call("api_keys.change_api_key", m.ApiKeyView, ws, report.id, client=alan,
                body=m.ChangeKey(permissions=["posts:read"]))
assert narrowed.permissions == ["posts:read"]
assert call("roles.read_role", m.RoleView, org, clerk.id, client=person).permissions == changed.permissions
assert [role.id for role in call("roles.list_roles", m.PageRoleView, org, client=person).data] == [clerk.id]
# Who has the role, or is invited with it, gets another instead.
fourth = invite("barbara@example.com", clerk.id)
secret(fourth.token)
assert fourth.workspaces[0].role == clerk.id
in_use = call("roles.delete_role", m.Error, org, clerk.id, client=person, status=409)
assert in_use.error.code == "conflict"
call("roles.delete_role", NOTHING, org, clerk.id, client=person, status=204, replace_with=m.WorkspaceRole.VIEWER)
assert call("workspaces.read_workspace", m.WorkspaceView, ws, client=alan).role is m.WorkspaceRole.VIEWER
pending = call("invitations.list_invitations", m.PageInvitationView, org, client=person).data[0]
assert pending.id == fourth.id and pending.workspaces[0].role is m.WorkspaceRole.VIEWER
call("roles.read_role", m.Error, org, clerk.id, client=person, status=404)

# A member goes, and the key has a new value and a new owner.
removed = call("members.remove_workspace_member", m.RemovedKeys, ws, ids["alan@example.com"], client=person,
               transfer_keys_to=ids["ada@example.com"], mode=m.RemoveWorkspaceMemberMode.ROLL)
assert removed.orphaned_keys == [] and removed.transferred_keys == [report.id]
moved = client_of(removed.rolled_keys[0].plaintext)
assert call("programs.whoami", m.ProgramView, client=moved).key_id == report.id
call("programs.whoami", m.Error, client=reporter, status=401)
call("api_keys.delete_api_key", NOTHING, ws, report.id, client=person, status=204,
     reason=m.ReasonKind.OFFBOARDING, comment="Alan left")
call("members.remove_organization_member", m.RemovedKeys, org, ids["alan@example.com"], client=person)

# Keys.


def make_key(name):
    made = call("api_keys.create_api_key", m.ApiKeyWithPlaintext, ws, client=person, status=201,
                body=m.CreateKey(name=name, scope=m.Scope.FULL))
    secret(made.plaintext)
    return made


key = make_key("CI")
assert key.status is m.KeyStatus.ACTIVE and key.expires_at is None
unnamed = call("api_keys.create_api_key", m.ApiKeyWithPlaintext, ws, client=person, status=201)
secret(unnamed.plaintext)
assert unnamed.name is None
assert len(call("api_keys.list_api_keys", m.PageApiKeyView, ws, client=person, page_size=1).data) == 1
assert call("api_keys.read_api_key", m.ApiKeyView, ws, key.id, client=person).name == "CI"
change = m.ChangeKey(name="Pipeline", allowed_ips=["127.0.0.1/32"],
                     expires_at=datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1))
changed = call("api_keys.change_api_key", m.ApiKeyView, ws, key.id, client=person, body=change)
assert changed.allowed_ips == ["127.0.0.1/32"] and isinstance(changed.expires_at, datetime.datetime)
disabled = call("api_keys.disable_api_key", m.ApiKeyView, ws, key.id, client=person,
                body=m.StopKey(reason=m.ReasonKind.OTHER, comment="Seen in a screenshot"))
assert disabled.status is m.KeyStatus.DISABLED
assert disabled.reason is m.ReasonKind.OTHER and disabled.comment == "Seen in a screenshot"
enabled = call("api_keys.enable_api_key", m.ApiKeyView, ws, key.id, client=person)
assert enabled.status is m.KeyStatus.ACTIVE and enabled.reason is None and enabled.comment is None
rolled = call("api_keys.roll_api_key", m.ApiKeyWithPlaintext, ws, key.id, client=person,
              body=m.RollKey(overlap_seconds=60))
assert isinstance(rolled.overlap_ends_at, datetime.datetime)
transferred = call("api_keys.transfer_api_key", m.ApiKeyWithPlaintext, ws, key.id, client=person,
                   body=m.TransferKey(user_id=ids["ada@example.com"]))
assert transferred.created_by == ids["ada@example.com"]
# A body is optional, with a reason or without one.
assert call("api_keys.revoke_api_key", m.ApiKeyView, ws, unnamed.id, client=person).status is m.KeyStatus.REVOKED
spare = make_key("Spare")
revoked = call("api_keys.revoke_api_key", m.ApiKeyView, ws, spare.id, client=person,
               body=m.StopKey(reason=m.ReasonKind.UNUSED))
assert revoked.status is m.KeyStatus.REVOKED and revoked.reason is m.ReasonKind.UNUSED and revoked.comment is None
found = call("api_keys.revoke_api_keys", m.RevokedKeys, ws, client=person,
             body=m.RevokeKeys(created_by=ids["ada@example.com"], reason=m.ReasonKind.OFFBOARDING, dry_run=True))
assert found.dry_run is True and found.data[0].id == key.id and found.data[0].reason is None
call("api_keys.delete_api_key", NOTHING, ws, unnamed.id, client=person, status=204)

# Programs: a key and a person ask who they are, and get different types.
program = client_of(rolled.plaintext)
who = call("programs.whoami", m.ProgramView, client=program)
assert who.kind is m.ProgramViewKind.API_KEY and who.key_id == key.id and m.Permission.CONTENTWRITE in who.permissions
who = call("programs.whoami", m.PersonView, client=person)
assert who.kind is m.PersonViewKind.USER and who.email == "ada@example.com"
assert len(call("programs.list_members", m.PageWorkspaceMemberView, client=program).data) == 2
unknown = call("programs.whoami", m.Error, client=client_of("sk_live_nonsense"), status=401)
assert unknown.error.code == "invalid_api_key"

# Collections, as a program and as a person. Their schemas have definitions of one name that differ.
ADAM = m.CollectionsPostsPerson(name="Adam")
CUSTOMER = m.CollectionsInvoicesPerson(vat_number="DE1", country=m.CollectionsInvoicesPersonCountry.DE)
for of, arguments, client in [("", (), program), ("workspace_", (ws,), person)]:
    post = m.CollectionsPosts(title="First", author=ADAM)
    made = call(f"collections.create_{of}posts", m.CollectionsPostsDocument, *arguments, client=client, status=201,
                body=post)
    assert isinstance(made.author, m.CollectionsPostsPerson) and isinstance(made.created_at, datetime.datetime)
    where = (*arguments, made.id)
    read = call(f"collections.read_{of}posts", m.CollectionsPostsDocument, *where, client=client)
    assert read.author.name == "Adam"
    post.title = "Second"
    call(f"collections.replace_{of}posts", m.CollectionsPostsDocument, *where, client=client, body=post)
    patch = m.CollectionsPostsPatch.from_dict({"title": "Third"})
    changed = call(f"collections.change_{of}posts", m.CollectionsPostsDocument, *where, client=client, body=patch)
    assert changed.title == "Third"
    stale = call(f"collections.change_{of}posts", m.Error, *where, client=client, body=patch, if_match='"0"',
                 status=412)
    assert stale.error.code == "precondition_failed"
    pages = getattr(m, "ListWorkspacePostsResponse200" if of else "ListPostsResponse200")
    page = call(f"collections.list_{of}posts", pages, *arguments, client=client, title="Third")
    assert isinstance(page.data[0], m.CollectionsPostsDocument) and page.next_cursor is None
    call(f"collections.delete_{of}posts", NOTHING, *where, client=client, status=204)

    body, replacing = (m.CreateWorkspaceInvoicesBody, m.ReplaceWorkspaceInvoicesBody) if of else (
        m.CreateInvoicesBody, m.ReplaceInvoicesBody)
    invoice = m.CollectionsInvoices(customer=CUSTOMER, total=3)
    made = call(f"collections.create_{of}invoices", m.CollectionsInvoicesDocument, *arguments, client=client,
                status=201, body=body(invoice=invoice))
    assert isinstance(made.customer, m.CollectionsInvoicesPerson) and made.customer.vat_number == "DE1"
    where = (*arguments, made.id)
    call(f"collections.read_{of}invoices", m.CollectionsInvoicesDocument, *where, client=client)
    call(f"collections.replace_{of}invoices", m.CollectionsInvoicesDocument, *where, client=client,
         body=replacing(invoice=invoice))
    patch = m.CollectionsInvoicesPatch.from_dict({"invoice": {"note": "Thanks"}})
    changed = call(f"collections.change_{of}invoices", m.CollectionsInvoicesDocument, *where, client=client,
                   body=patch)
    assert changed.note == "Thanks"
    pages = getattr(m, "ListWorkspaceInvoicesResponse200" if of else "ListInvoicesResponse200")
    assert call(f"collections.list_{of}invoices", pages, *arguments, client=client).data[0].total == 3
    call(f"collections.delete_{of}invoices", NOTHING, *where, client=client, status=204)

# Gateways.
service = client_of(os.environ["SERVICE_TOKEN"])
verified = call("gateways.verify_key", m.VerifiedKey, client=service,
                body=m.VerifyKey(key=rolled.plaintext, permission="invoices:read"))
assert verified.valid and verified.code is m.VerifiedKeyCode.VALID and verified.role is m.WorkspaceRole.ADMIN
assert {m.Permission.CONTENTWRITE, "posts:write", "invoices:read"} <= set(verified.permissions)
limited = call("api_keys.create_api_key", m.ApiKeyWithPlaintext, ws, client=person, status=201,
               body=m.CreateKey(name="Limited", permissions=["posts:read"]))
limited_key = secret(limited.plaintext)
for all_, any_, code in [
    (["posts:read"], ["invoices:read", "posts:read"], m.VerifiedKeyCode.VALID),
    (["posts:read", "posts:write"], None, m.VerifiedKeyCode.INSUFFICIENT_PERMISSION),
    (None, ["posts:write", "invoices:read"], m.VerifiedKeyCode.INSUFFICIENT_PERMISSION),
]:
    verified = call("gateways.verify_key", m.VerifiedKey, client=service,
                    body=m.VerifyKey(key=limited_key, permissions=m.WantedPermissions(all_=all_, any_=any_)))
    assert verified.code is code and verified.permissions == ["posts:read"]
undeclared = call("gateways.verify_key", m.Error, client=service, status=422,
                  body=m.VerifyKey(key=limited_key, permission="nothing:read"))
assert undeclared.error.details[0].field == "permission"
nonsense = call("gateways.verify_key", m.VerifiedKey, client=service, body=m.VerifyKey(key="nonsense"))
assert nonsense.code is m.VerifiedKeyCode.NOT_FOUND and nonsense.key_id is None
call("gateways.forward_auth", NOTHING, client=program, permission="invoices:read")
call("gateways.forward_auth", m.Error, client=client_of(limited_key), permission="invoices:read", status=403)
leaked = make_key("Leaked")
feedback = call("gateways.revoke_leaked_keys", list, client=service, body=[m.LeakedKey(token=leaked.plaintext)])
assert feedback[0].label is m.Label.TRUE_POSITIVE

# Backends: one makes a tenant of its own, acts for its people, and lets one use a page.
backend = client_of(os.environ["BACKEND_TOKEN"])
wanted = m.PutUser(issuer="external", subject="user-4711", name="Edsger", email="edsger@example.com")
edsger = call("backends.put_user", m.KnownUser, client=backend, body=wanted)
assert edsger.email == "edsger@example.com" and edsger.email_verified is False
assert edsger.status is m.PersonStatus.ACTIVE
call("backends.put_user", m.Error, client=service, status=403, body=wanted)
cleared = call("backends.put_user", m.KnownUser, client=backend,
               body=m.PutUser(issuer="external", subject="user-4711", email=None))
assert cleared.id == edsger.id and cleared.email is None and cleared.name == "Edsger"
tenant = call("organizations.create_organization", m.OrganizationView, client=backend, status=201,
              body=m.CreateOrganization(name="Globex", owner=m.OwnerInput(subject="user-4711")))
ownerless = call("organizations.create_organization", m.Error, client=backend, status=422,
                 body=m.CreateOrganization(name="Globex"))
assert ownerless.error.details[0].field == "owner"
both = call("organizations.list_organizations", m.PageOrganizationView, client=backend).data
assert {organization.id for organization in both} == {org, tenant.id}
owned = call("organizations.list_organizations", m.PageOrganizationView, client=backend,
             keyward_on_behalf_of=edsger.id).data
assert [(one.id, one.role) for one in owned] == [(tenant.id, m.OrganizationRole.OWNER)]
tony = call("backends.put_user", m.KnownUser, client=backend, body=m.PutUser(issuer="external", subject="user-4712"))
member = call("members.put_organization_member", m.OrganizationMemberView, tenant.id, tony.id, client=backend,
              body=m.OrganizationRoleInput(role=m.OrganizationRole.MEMBER))
assert member.id == tony.id and member.role is m.OrganizationRole.MEMBER
by_person = call("members.put_organization_member", m.Error, org, tony.id, client=person, status=403,
                 body=m.OrganizationRoleInput(role=m.OrganizationRole.MEMBER))
assert by_person.error.code == "credential_not_accepted"
place = call("workspaces.create_workspace", m.WorkspaceView, tenant.id, client=backend, status=201,
             body=m.WorkspaceInput(name="Production")).id
call("members.put_workspace_member", m.WorkspaceMemberView, place, tony.id, client=backend,
     body=m.WorkspaceRoleInput(role=m.WorkspaceRole.EDITOR))
nobodys = call("api_keys.create_api_key", m.Error, place, client=backend, status=422)
assert nobodys.error.details[0].field == "Keyward-On-Behalf-Of"
made = {}
for member in (edsger.id, tony.id):
    made[member] = call("api_keys.create_api_key", m.ApiKeyWithPlaintext, place, client=backend, status=201,
                        body=m.CreateKey(name="CI"), keyward_on_behalf_of=member)
    secret(made[member].plaintext)
    assert made[member].created_by == member
assert made[tony.id].role is m.WorkspaceRole.EDITOR
assert len(call("api_keys.list_api_keys", m.PageApiKeyView, place, client=backend).data) == 2
session = call("backends.create_portal_session", m.CreatedPortalSession, client=backend, status=201,
               body=m.CreatePortalSession(user_id=edsger.id, workspace_id=place, ttl_seconds=60,
                                          origins=["https://app.example.com"], permissions=[m.Permission.KEYSOWN]))
assert session.expires_at > datetime.datetime.now(datetime.timezone.utc)
portal = client_of(session.token)
assert [one.id for one in call("api_keys.list_api_keys", m.PageApiKeyView, place, client=portal).data] == [
    made[edsger.id].id]
revoked = call("api_keys.revoke_api_key", m.ApiKeyView, place, made[edsger.id].id, client=portal,
               body=m.StopKey(reason=m.ReasonKind.ROTATED))
assert revoked.status is m.KeyStatus.REVOKED and revoked.reason is m.ReasonKind.ROTATED
call("account.me", m.Error, client=portal, status=403)
events = call("audit.list_audit_events", m.PageAuditEventView, tenant.id, client=backend).data
assert [event.action for event in events[:2]] == [m.Action.API_KEY_REVOKED, m.Action.PORTAL_SESSION_CREATED]
assert all(event.actor.kind is m.ActorKind.SERVICE for event in events[:2])
assert events[0].on_behalf_of == edsger.id
assert events[1].target.kind is m.TargetKind.USER and events[1].target.id == edsger.id
assert (events[0].after["reason"], events[0].target.id) == ("rotated", made[edsger.id].id)
call("organizations.delete_organization", NOTHING, tenant.id, client=backend, status=204)

# Usage, with an interval.
for interval in m.Interval:
    series = call("api_keys.read_api_key_usage", m.UsageSeries, ws, key.id, client=person, interval=interval)
    assert series.interval is interval and sum(bucket.admitted for bucket in series.data) > 0
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)
    series = call("api_keys.read_workspace_usage", m.UsageSeries, ws, client=person, interval=interval, from_=start)
    assert series.interval is interval and isinstance(series.data[0].start, datetime.datetime)
call("api_keys.read_workspace_usage", m.UsageSeries, ws, client=person)

# Billing.
event = m.StripeEvent(id="evt_1", type_="customer.created", created=int(time.time()),
                      data=m.EventData(object_=m.EventDataObject()))
assert call("billing.stripe_webhook", m.Received, body=event).outcome is m.WebhookOutcome.IGNORED

# Audit.
events = call("audit.list_audit_events", m.PageAuditEventView, org, client=person, action=m.Action.API_KEY_CREATED)
assert events.data[0].actor.kind is m.ActorKind.USER and events.data[0].target.kind is m.TargetKind.API_KEY
events = call("audit.list_audit_events", m.PageAuditEventView, org, client=person, action=m.Action.ROLE_DELETED)
assert events.data[0].target.kind is m.TargetKind.ROLE and events.data[0].target.id == clerk.id
lines = call("audit.export_audit_events", str, org, client=person).splitlines()
assert m.AuditEventView.from_dict(json.loads(lines[0])).action is m.Action.ORGANIZATION_CREATED

# The end of a key, a workspace, an organization and an account.
call("programs.revoke_held_key", NOTHING, client=program, status=204)
call("workspaces.delete_workspace", NOTHING, ws, client=person, status=204)
call("organizations.delete_organization", NOTHING, org, client=person, status=204)
call("identity.delete_account", m.DeleteResponse, body=m.DeleteRequest(id_token=ada.id_token))

operations = {operation["operationId"] for methods in DOCUMENT["paths"].values() for operation in methods.values()}
assert succeeded == operations, f"never succeeded: {sorted(operations - succeeded)}"
print(json.dumps(secrets))
