import assert from "node:assert/strict";
import { test } from "node:test";
import { Keyward } from "@keyward/sdk";
import { stub } from "../support/stub.js";

test("a service verifies keys, makes tenants and users, and acts for a member", async (t) => {
  const server = await stub(t, { body: { valid: true, code: "VALID" } }, { body: { id: "usr_1" } },
    { status: 201, body: { id: "org_1" } }, { status: 201, body: { id: "ws_1" } }, { body: { id: "usr_1" } },
    { status: 201, body: { id: "key_1", plaintext: "sk_live_1" } }, { status: 201, body: { token: "t" } });
  const keyward = new Keyward({ serviceToken: "svc_test", baseUrl: server.baseUrl });
  assert.equal((await keyward.keys.verify("sk_live_1", { permission: "content:read" })).code, "VALID");
  const user = await keyward.admin.users.upsert({ issuer: "external", subject: "4711", name: "Ada" });
  await keyward.admin.organizations.create({ name: "Acme", owner: { subject: "4711" } });
  await keyward.admin.workspaces.create("org_1", { name: "Production" });
  await keyward.admin.members.put("org_1", "usr_1", { role: "member" });
  await keyward.onBehalfOf(user.id).workspaces.createApiKey("ws_1", { name: "CI" });
  await keyward.admin.portalSessions.create({
    userId: "usr_1", workspaceId: "ws_1", ttlSeconds: 900, origins: ["https://app.example.com"],
  });
  assert.deepEqual(server.asked.map(({ method, url }) => `${method} ${url}`), [
    "POST /v1/keys/verify", "PUT /v1/users", "POST /v1/organizations", "POST /v1/organizations/org_1/workspaces",
    "PUT /v1/organizations/org_1/members/usr_1", "POST /v1/workspaces/ws_1/api-keys", "POST /v1/portal-sessions",
  ]);
  assert.ok(server.asked.every(({ headers }) => headers.authorization === "Bearer svc_test"));
  assert.deepEqual(server.asked.map(({ headers }) => headers["keyward-on-behalf-of"]),
    [undefined, undefined, undefined, undefined, undefined, "usr_1", undefined]);
  assert.deepEqual(JSON.parse(server.asked[0]?.body ?? ""), { key: "sk_live_1", permission: "content:read" });
  assert.ok(server.asked[2]?.headers["idempotency-key"] !== undefined);
});

test("a client has one credential, and only a service acts for a member", () => {
  const refused: [object, RegExp][] = [
    [{}, /apiKey must be/],
    [{ serviceToken: "svc\n" }, /serviceToken must be/],
    [{ apiKey: "sk_1", serviceToken: "svc_1" }, /can't both be set/],
    [{ apiKey: "sk_1", onBehalfOf: "usr_1" }, /goes with serviceToken only/],
    [{ serviceToken: "svc_1", onBehalfOf: "usr 1" }, /onBehalfOf must be/],
  ];
  for (const [options, words] of refused) assert.throws(() => new Keyward(options), words);
  assert.throws(() => new Keyward({ apiKey: "sk_1" }).onBehalfOf("usr 1"), /onBehalfOf must be/);
});
