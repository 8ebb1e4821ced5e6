// Drives the client of openapi-typescript and openapi-fetch through every group of operations of the document. The
// compiler proves that the types fit; this program proves that the answers do.
//
// Environment: BASE (the server), DOCUMENT (its OpenAPI document), MAILS (a directory of mails: 1.txt, 2.txt),
// SERVICE_TOKEN (may verify keys only), BACKEND_TOKEN (may do all that a service may), STRIPE_SECRET. It prints the
// secrets that it saw, as JSON.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./openapi.js";

const environment = (name: string): string => process.env[name] ?? assert.fail(`${name} is not set`);
const [BASE, MAILS] = [environment("BASE"), environment("MAILS")];
const document = JSON.parse(readFileSync(environment("DOCUMENT"), "utf8"));

const secrets: string[] = [];
const secret = (text: string): string => (secrets.push(text), text);
const driven = new Set<string>();

function clientOf(token?: string): Client<paths> {
  const client = createClient<paths>({ baseUrl: BASE });
  client.use({
    onRequest({ request }) {
      if (token !== undefined) request.headers.set("authorization", `Bearer ${token}`);
    },
    onResponse({ schemaPath, request, response }) {
      const operation = document.paths[schemaPath][request.method.toLowerCase()];
      assert.ok(response.status in operation.responses, `${schemaPath}: ${response.status}`);
      if (response.ok) operation.tags.forEach((tag: string) => driven.add(tag));
    },
  });
  return client;
}

/** What a successful call answered. */
function good<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  assert.ok(answer.response.ok, `${answer.response.url}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  return answer.data as T;
}

/** The error of a refused call. */
function refused(answer: { error?: unknown; response: Response }, status: number): string {
  assert.equal(answer.response.status, status);
  return (answer.error as components["schemas"]["Error"]).error.code;
}

async function mailed(number: number, pattern: RegExp): Promise<string> {
  const file = `${MAILS}/${number}.txt`;
  for (let wait = 0; wait < 500; wait++) {
    const found = existsSync(file) && readFileSync(file, "utf8").replace(/=\r?\n/g, "").match(pattern);
    if (found) return secret(found[1]!);
    await new Promise((done) => setTimeout(done, 20));
  }
  return assert.fail(`no ${pattern} in ${file}`);
}

/** What the key of this client may do. */
async function permissionsOf(client: Client<paths>): Promise<string[]> {
  const who = good(await client.GET("/v1/whoami"));
  return who.kind === "api_key" ? who.permissions.sort() : assert.fail("a key is a program");
}

const form = { headers: { "content-type": "application/x-www-form-urlencoded" } };

// Operation and Identity.
const anybody = clientOf();
assert.equal(good(await anybody.GET("/healthz")).status, "ok");
assert.equal(good(await anybody.GET("/readyz")).parts?.database, "ok");
assert.equal(good(await anybody.GET("/.well-known/jwks.json")).keys[0]?.kty, "RSA");
const password = secret("a-generated-password");
const account = { email: "ada@example.com", password };
good(await anybody.POST("/identitytoolkit.googleapis.com/v1/accounts:signUp", { body: account }));
const wrong = await anybody.POST("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword", {
  body: { email: account.email, password: "wrong-password" },
});
assert.equal(wrong.response.status, 400);
const [mailedTo, signUpPath] = ["grace@example.com", "/identitytoolkit.googleapis.com/v1/accounts:signUp"] as const;
const signIn = async (email: string) => {
  const body = { email, password };
  const answer = good(await anybody.POST("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword", { body }));
  secret(answer.refreshToken);
  return clientOf(secret(answer.idToken));
};
const page = { grant_type: "password", username: account.email, password };
assert.equal(good(await anybody.POST("/docs/token", { body: page, ...form })).token_type, "Bearer");
// A confirmed address, without which no invitation is mailed.
const unconfirmed = await anybody.POST("/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword", { body: account });
const idToken = secret(good(unconfirmed).idToken);
const request = { requestType: "VERIFY_EMAIL", idToken } as const;
good(await anybody.POST("/identitytoolkit.googleapis.com/v1/accounts:sendOobCode", { body: request }));
const confirmation = { idToken, oobCode: await mailed(1, /oobCode=([\w-]+)/) };
good(await anybody.POST("/identitytoolkit.googleapis.com/v1/accounts:update", { body: confirmation }));
const person = await signIn(account.email);

// Organizations, Workspaces and Account.
const created = await person.POST("/v1/organizations", { body: { name: "Acme" } });
const organization = good(created);
assert.equal(created.response.status, 201);
assert.equal(organization.role, "owner");
assert.equal(refused(await person.POST("/v1/organizations", { body: { name: "" } }), 422), "validation_failed");
const ofOrganization = { params: { path: { organizationId: organization.id } } };
assert.equal(good(await person.GET("/v1/organizations/{organizationId}", ofOrganization)).name, "Acme");
const subscription = good(await person.GET("/v1/organizations/{organizationId}/subscription", ofOrganization));
assert.equal(subscription.status satisfies components["schemas"]["SubscriptionStatus"], "trialing");
const workspace = good(
  await person.POST("/v1/organizations/{organizationId}/workspaces", { ...ofOrganization, body: { name: "Live" } }),
);
const path = { workspaceId: workspace.id };
assert.equal(good(await person.GET("/v1/workspaces/{workspaceId}", { params: { path } })).role, "admin");
const me = good(await person.GET("/v1/me"));
assert.equal(me.organizations[0]?.id, organization.id);

// Invitations and Members.
const invitation = good(
  await person.POST("/v1/organizations/{organizationId}/invitations", {
    ...ofOrganization,
    body: { email: mailedTo, role: "member", workspaces: [{ id: workspace.id, role: "editor" }] },
  }),
);
assert.equal(invitation.mailed, true);
secret(invitation.token!);
const token = await mailed(2, /token=(inv_[\w-]+)/);
good(await anybody.POST(signUpPath, { body: { email: mailedTo, password } }));
const grace = await signIn(mailedTo);
assert.equal(good(await grace.POST("/v1/invitations/accept", { body: { token } })).id, organization.id);
const members = good(await person.GET("/v1/organizations/{organizationId}/members", ofOrganization));
assert.deepEqual(members.data.map((member) => member.role).sort(), ["member", "owner"]);
const inWorkspace = good(
  await person.GET("/v1/workspaces/{workspaceId}/members", { params: { path, query: { pageSize: 1 } } }),
);
assert.equal(typeof inWorkspace.nextCursor, "string");

// Roles: one that is made for Grace, who makes a key with a part of it.
const roles = "/v1/organizations/{organizationId}/roles";
const clerk = good(
  await person.POST(roles, {
    ...ofOrganization,
    body: { name: "Clerk", permissions: ["workspace:read", "keys:own", "posts:read", "invoices:read"] },
  }),
);
const undeclared = { name: "Other", permissions: ["nothing:read"] };
assert.equal(refused(await person.POST(roles, { ...ofOrganization, body: undeclared }), 422), "validation_failed");
assert.deepEqual(good(await person.GET(roles, ofOrganization)).data, [clerk]);
const graceId = members.data.find((member) => member.email === mailedTo)!.id;
const given = await person.PUT("/v1/workspaces/{workspaceId}/members/{userId}", {
  params: { path: { ...path, userId: graceId } },
  body: { role: clerk.id },
});
assert.equal(good(given).role, clerk.id);
const report = good(
  await grace.POST("/v1/workspaces/{workspaceId}/api-keys", {
    params: { path },
    body: { name: "Report", permissions: ["posts:read", "invoices:read"] },
  }),
);
const reporter = clientOf(secret(report.plaintext!));
assert.deepEqual(await permissionsOf(reporter), ["invoices:read", "posts:read"]);
// A smaller role counts at once.
const ofRole = { params: { path: { ...ofOrganization.params.path, roleId: clerk.id } } };
const ROLE = "/v1/organizations/{organizationId}/roles/{roleId}";
const smaller = good(
  await person.PATCH(ROLE, { ...ofRole, body: { description: "Sees posts", permissions: ["keys:own", "posts:read"] } }),
);
assert.deepEqual(good(await person.GET(ROLE, ofRole)), smaller);
assert.deepEqual(await permissionsOf(reporter), ["posts:read"]);
assert.equal(refused(await person.DELETE(ROLE, ofRole), 409), "conflict");
const replacing = { params: { ...ofRole.params, query: { replaceWith: "editor" } } };
assert.equal((await person.DELETE(ROLE, replacing)).response.status, 204);
assert.equal(good(await grace.GET("/v1/workspaces/{workspaceId}", { params: { path } })).role, "editor");
const offboarded = await person.DELETE("/v1/workspaces/{workspaceId}/api-keys/{keyId}", {
  params: { path: { ...path, keyId: report.id }, query: { reason: "offboarding", comment: "No more reports" } },
});
assert.equal(offboarded.response.status, 204);

// API keys and Programs.
const key = good(
  await person.POST("/v1/workspaces/{workspaceId}/api-keys", {
    params: { path, header: { "Idempotency-Key": "first" } },
    body: { name: "CI", scope: "full" },
  }),
);
const program = clientOf(secret(key.plaintext!));
const ofKey = { ...path, keyId: key.id };
const keys = good(await person.GET("/v1/workspaces/{workspaceId}/api-keys", { params: { path } }));
assert.equal(keys.data[0]?.status satisfies components["schemas"]["KeyStatus"] | undefined, "active");
const who = good(await program.GET("/v1/whoami"));
// The discriminator tells the two apart, for the compiler, too.
if (who.kind === "api_key") assert.ok(who.permissions.includes("content:write") && who.keyId === key.id);
else assert.fail("a key is a program");
const whoElse = good(await person.GET("/v1/whoami"));
if (whoElse.kind === "user") assert.equal(whoElse.email, account.email);
else assert.fail("a person is a user");
assert.equal(good(await program.GET("/v1/members")).data.length, 2);
assert.equal(refused(await clientOf("sk_live_nonsense").GET("/v1/whoami"), 401), "invalid_api_key");

// Usage, with an interval.
for (const interval of ["hour", "day"] as const satisfies components["schemas"]["Interval"][]) {
  const params = { path: ofKey, query: { interval } };
  const series = good(await person.GET("/v1/workspaces/{workspaceId}/api-keys/{keyId}/usage", { params }));
  assert.equal(series.interval, interval);
  assert.ok(series.data.reduce((sum, bucket) => sum + bucket.admitted, 0) > 0);
  const whole = good(await person.GET("/v1/workspaces/{workspaceId}/usage", { params: { path, query: { interval } } }));
  assert.equal(whole.interval, interval);
}

// Collections. Their schemas have definitions of one name that differ.
const posted = good(await program.POST("/v1/posts", { body: { title: "First", author: { name: "Adam" } } }));
assert.equal(posted.author.name, "Adam");
const customer: components["schemas"]["collections.invoices.person"] = { vatNumber: "DE1", country: "DE" };
const invoiced = good(
  await person.POST("/v1/workspaces/{workspaceId}/invoices", { params: { path }, body: { invoice: { customer, total: 3 } } }),
);
assert.equal(invoiced.customer.vatNumber, "DE1");
const changed = await person.PATCH("/v1/workspaces/{workspaceId}/invoices/{documentId}", {
  params: { path: { ...path, documentId: invoiced.id }, header: { "If-Match": '"1"' } },
  body: { invoice: { note: "Thanks" } },
});
assert.equal(good(changed).note, "Thanks");
const posts = good(await program.GET("/v1/posts", { params: { query: { title: "First", sort: "-title" } } }));
assert.equal(posts.data[0]?.id, posted.id);
const gone = await program.DELETE("/v1/posts/{documentId}", { params: { path: { documentId: posted.id } } });
assert.equal(gone.response.status, 204);

// Gateways.
const service = clientOf(secret(environment("SERVICE_TOKEN")));
const verify = async (body: components["schemas"]["VerifyKey"]) =>
  good(await service.POST("/v1/keys/verify", { body }));
const verified = await verify({ key: key.plaintext!, permission: "invoices:read" });
assert.ok(verified.valid && verified.code === "VALID" && verified.role === "admin");
const limited = good(
  await person.POST("/v1/workspaces/{workspaceId}/api-keys", {
    params: { path },
    body: { name: "Limited", permissions: ["posts:read"] },
  }),
);
const limitedKey = secret(limited.plaintext!);
const questions: [components["schemas"]["WantedPermissions"], components["schemas"]["VerifiedKey"]["code"]][] = [
  [{ all: ["posts:read"], any: ["invoices:read", "posts:read"] }, "VALID"],
  [{ all: ["posts:read", "posts:write"] }, "INSUFFICIENT_PERMISSION"],
  [{ any: ["posts:write", "invoices:read"] }, "INSUFFICIENT_PERMISSION"],
];
for (const [permissions, code] of questions) {
  const asked = await verify({ key: limitedKey, permissions });
  assert.deepEqual([asked.code, asked.permissions], [code, ["posts:read"]]);
}
const nonsense = await verify({ key: "nonsense" });
assert.ok(nonsense.code === "NOT_FOUND" && nonsense.keyId === null);
const invoices = { params: { query: { permission: "invoices:read" } } };
good(await program.GET("/v1/forward-auth", invoices));
assert.equal(refused(await clientOf(limitedKey).GET("/v1/forward-auth", invoices), 403), "insufficient_permission");

// Backends: one makes a tenant of its own, acts for its people, and lets one use a page.
const backend = clientOf(secret(environment("BACKEND_TOKEN")));
const edsger = { issuer: "external", subject: "user-4711", name: "Edsger" };
const owner = good(await backend.PUT("/v1/users", { body: edsger }));
assert.deepEqual([owner.name, owner.email, owner.emailVerified, owner.status], ["Edsger", null, false, "active"]);
assert.equal(refused(await service.PUT("/v1/users", { body: edsger }), 403), "insufficient_permission");
const tenant = good(
  await backend.POST("/v1/organizations", { body: { name: "Globex", owner: { subject: edsger.subject } } }),
);
const ofTenant = { organizationId: tenant.id };
const onBehalf = { "Keyward-On-Behalf-Of": owner.id };
const owned = good(await backend.GET("/v1/organizations", { params: { header: onBehalf } }));
assert.deepEqual(owned.data.map((one) => [one.id, one.role]), [[tenant.id, "owner"]]);
const colleague = good(await backend.PUT("/v1/users", { body: { issuer: "external", subject: "user-4712" } }));
const added = await backend.PUT("/v1/organizations/{organizationId}/members/{userId}", {
  params: { path: { ...ofTenant, userId: colleague.id } },
  body: { role: "admin" },
});
assert.equal(good(added).role, "admin");
const place = good(
  await backend.POST("/v1/organizations/{organizationId}/workspaces", {
    params: { path: ofTenant },
    body: { name: "Production" },
  }),
);
const inPlace = { workspaceId: place.id };
const nobodys = await backend.POST("/v1/workspaces/{workspaceId}/api-keys", { params: { path: inPlace } });
assert.equal(refused(nobodys, 422), "validation_failed");
const [owners] = await Promise.all(
  [owner, colleague].map(async (member) => {
    const header = { "Keyward-On-Behalf-Of": member.id };
    const params = { path: inPlace, header };
    const made = good(await backend.POST("/v1/workspaces/{workspaceId}/api-keys", { params, body: { name: "CI" } }));
    secret(made.plaintext!);
    assert.equal(made.createdBy, member.id);
    return made;
  }),
);
const session = good(
  await backend.POST("/v1/portal-sessions", {
    body: {
      userId: owner.id,
      workspaceId: place.id,
      ttlSeconds: 60,
      origins: ["https://app.example.com"],
      permissions: ["keys:own"],
    },
  }),
);
const portal = clientOf(secret(session.token));
const shown = good(await portal.GET("/v1/workspaces/{workspaceId}/api-keys", { params: { path: inPlace } }));
assert.deepEqual(shown.data.map((one) => one.id), [owners!.id]);
const revoked = good(
  await portal.POST("/v1/workspaces/{workspaceId}/api-keys/{keyId}/revoke", {
    params: { path: { ...inPlace, keyId: owners!.id } },
    body: { reason: "leaked", comment: "Seen in a screenshot" },
  }),
);
assert.deepEqual([revoked.status, revoked.reason, revoked.comment], ["revoked", "leaked", "Seen in a screenshot"]);
assert.equal((await portal.GET("/v1/me")).response.status, 403);
const [last] = good(
  await backend.GET("/v1/organizations/{organizationId}/audit-events", { params: { path: ofTenant } }),
).data;
assert.deepEqual([last?.action, last?.actor.kind, last?.onBehalfOf], ["api_key.revoked", "service", owner.id]);

// Billing: the signature is over the body as it is sent.
const event = { id: "evt_1", type: "customer.created", created: Math.floor(Date.now() / 1000), data: { object: {} } };
const [seconds, sent] = [Math.floor(Date.now() / 1000), JSON.stringify(event)];
const signature = createHmac("sha256", environment("STRIPE_SECRET")).update(`${seconds}.${sent}`).digest("hex");
const received = await anybody.POST("/v1/billing/stripe/webhook", {
  body: event,
  bodySerializer: () => sent,
  headers: { "stripe-signature": `t=${seconds},v1=${signature}` },
});
assert.equal(good(received).outcome, "ignored");

// Audit.
const events = good(
  await person.GET("/v1/organizations/{organizationId}/audit-events", {
    params: { ...ofOrganization.params, query: { action: "api_key.created" } },
  }),
);
assert.deepEqual([events.data[0]?.actor.kind, events.data[0]?.target.id], ["user", limited.id]);
assert.ok(events.data.some((event) => event.target.id === key.id));
const exported = await person.GET("/v1/organizations/{organizationId}/audit-events/export", {
  ...ofOrganization,
  parseAs: "text",
});
assert.equal(JSON.parse(good(exported).split("\n")[0]!).action, "organization.created");

const tags: string[] = document.tags.map((tag: { name: string }) => tag.name);
assert.deepEqual([...driven].sort(), tags.sort());
console.log(JSON.stringify(secrets));
