import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionError, Keyward, PlaintextLostError, RateLimitError, TimeoutError } from "@keyward/sdk";
import { stub, type Answer, type Stub } from "../support/stub.js";

const WORKSPACE = "ws_01k4w5c9q2e0vb7m3t8z6r1xhd";
const client = ({ baseUrl }: Stub, options = {}) => new Keyward({ apiKey: "sk_test_key", baseUrl, ...options });
const busy = (status: number, retryAfter = "0"): Answer => {
  return { status, headers: { "retry-after": retryAfter }, body: { error: { code: "rate_limited", message: "Wait." } } };
};
const key = { id: "key_1", name: "CI" };

test("a refusal that passes is waited for, as long as the server says", async (t) => {
  const server = await stub(t, busy(429, "1"), busy(503), { body: { kind: "api_key" } });
  const start = Date.now();
  assert.deepEqual(await client(server).whoami(), { kind: "api_key" });
  assert.ok(Date.now() - start >= 1000);
  assert.equal(server.asked.length, 3);
});

test("attempts are bounded, and the last error is thrown", async (t) => {
  const server = await stub(t, busy(429));
  await assert.rejects(client(server, { maxRetries: 3 }).whoami(), RateLimitError);
  assert.equal(server.asked.length, 4);
});

test("a wait that is too long is left to the caller", async (t) => {
  const server = await stub(t, busy(429, "3600"));
  await assert.rejects(client(server).whoami(), (error: RateLimitError) => error.retryAfter === 3600);
  assert.equal(server.asked.length, 1);
});

test("other refusals are not tried again", async (t) => {
  for (const status of [400, 401, 403, 404, 409, 422, 500]) {
    const server = await stub(t, { status, body: {} });
    await assert.rejects(client(server).whoami());
    assert.equal(server.asked.length, 1, `${status}`);
  }
});

test("a creation keeps one Idempotency-Key over all its attempts, and two creations have two", async (t) => {
  const made = { status: 201, body: { ...key, plaintext: "sk_test_made" } };
  const server = await stub(t, { hangUp: true }, busy(503), made);
  const { workspaces } = client(server);
  const { plaintext } = await workspaces.createApiKey(WORKSPACE, { label: "CI" });
  assert.equal(plaintext, "sk_test_made");
  await workspaces.createApiKey(WORKSPACE, { label: "CI" });
  await workspaces.createApiKey(WORKSPACE, { label: "CI" }, { idempotencyKey: "my-own" });
  const keys = server.asked.map(({ headers }) => headers["idempotency-key"]);
  assert.deepEqual([keys[0], keys[1]], [keys[2], keys[2]]);
  assert.ok(keys[0] && keys[3] && keys[3] !== keys[0]);
  assert.equal(keys[4], "my-own");
  assert.deepEqual(JSON.parse(server.asked[0]?.body ?? ""), { label: "CI" });
});

test("a key whose value was lost on its way is named", async (t) => {
  const server = await stub(t, { hangUp: true }, { status: 200, headers: { "idempotent-replayed": "true" }, body: key });
  await assert.rejects(client(server).workspaces.createApiKey(WORKSPACE), (error: PlaintextLostError) => {
    return error instanceof PlaintextLostError && error.key.id === "key_1" && error.code === "plaintext_lost";
  });
});

test("a deletion that was done and not answered is done", async (t) => {
  const server = await stub(t, { hangUp: true }, { status: 404, body: {} });
  await client(server).workspaces.deleteApiKey(WORKSPACE, "key_1");
  assert.equal(server.asked.length, 2);
});

test("a change that might be done twice is sent once, and one with an ETag again only after a refusal", async (t) => {
  const lost = await stub(t, { hangUp: true });
  const posts = client(lost).collection("posts");
  await assert.rejects(posts.patch("p1", { title: "x" }), ConnectionError);
  await assert.rejects(posts.replace("p1", { title: "x" }, { ifMatch: '"1"' }), ConnectionError);
  assert.equal(lost.asked.length, 2);
  const refused = await stub(t, busy(503), { body: { title: "x" } });
  await client(refused).collection("posts").replace("p1", { title: "x" }, { ifMatch: '"1"' });
  assert.equal(refused.asked.length, 2);
});

test("the time limit holds for the whole answer", async (t) => {
  const server = await stub(t, { stall: true });
  await assert.rejects(client(server, { timeoutMs: 200, maxRetries: 0 }).whoami(), TimeoutError);
});

test("a signal ends a request, and a wait", async (t) => {
  const reason = new Error("enough");
  const stalling = await stub(t, { stall: true });
  const first = new AbortController();
  setTimeout(() => first.abort(reason), 50);
  await assert.rejects(client(stalling).whoami({ signal: first.signal }), reason);
  const waiting = await stub(t, busy(429, "20"));
  const second = new AbortController();
  setTimeout(() => second.abort(reason), 200);
  await assert.rejects(client(waiting).whoami({ signal: second.signal }), reason);
  await assert.rejects(client(waiting).whoami({ signal: second.signal }), reason);
  assert.equal(waiting.asked.length, 1);
});

test("an unreachable server is a ConnectionError that says why", async () => {
  const keyward = new Keyward({ apiKey: "sk_test_key", baseUrl: "http://127.0.0.1:1/v1", maxRetries: 1 });
  await assert.rejects(keyward.whoami(), (error: ConnectionError) => {
    return error instanceof ConnectionError && error.code === "connection_failed" && error.status === undefined;
  });
});
