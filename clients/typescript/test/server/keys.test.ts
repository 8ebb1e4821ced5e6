// In the order of a key's life; each test cleans up, so that the limit on active keys is not met.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AuthenticationError, ConflictError, Keyward, NotFoundError, PermissionDeniedError, PlaintextLostError,
  ValidationError,
} from "@keyward/sdk";
import { apiKey, baseUrl, clientOf, colleague, secret, workspaceId } from "./server.js";

const keyward = clientOf(apiKey);
const { workspaces } = keyward;

test("the documented life of a key: list, create with a label, use, delete", async () => {
  const before = await keyward.workspaces.listApiKeys(workspaceId);
  const { plaintext, id } = await keyward.workspaces.createApiKey(workspaceId, {
    label: "CI bot",
  });
  assert.match(secret(plaintext), /^sk_[0-9a-f]+$/);
  const keys = await keyward.workspaces.listApiKeys(workspaceId);
  assert.equal(keys.length, before.length + 1);
  assert.deepEqual([keys[0]?.id, keys[0]?.name], [id, "CI bot"]);
  assert.ok(!JSON.stringify(keys).includes(plaintext));
  const bot = await clientOf(plaintext).whoami();
  assert.ok(bot.kind === "api_key" && bot.workspaceId === workspaceId && bot.keyId === id);
  await keyward.workspaces.deleteApiKey(workspaceId, id);
  await assert.rejects(clientOf(plaintext).whoami(), (error: AuthenticationError) => {
    return error instanceof AuthenticationError && /^req_/.test(error.requestId ?? "");
  });
  await assert.rejects(workspaces.getApiKey(workspaceId, id), NotFoundError);
});

test("a key is renamed, rolled with an overlap, disabled, enabled, transferred and revoked", async () => {
  const { id, plaintext } = await workspaces.createApiKey(workspaceId, { name: "Deploy", scope: "full" });
  secret(plaintext);
  assert.equal((await workspaces.renameApiKey(workspaceId, id, "Deployment")).name, "Deployment");
  const rolled = await workspaces.rollApiKey(workspaceId, id, { overlapSeconds: 600 });
  secret(rolled.plaintext);
  assert.ok(rolled.overlapEndsAt);
  for (const value of [plaintext, rolled.plaintext]) await clientOf(value).whoami();
  const { status, reason, comment } = await workspaces.disableApiKey(workspaceId, id, { reason: "unused" });
  assert.deepEqual([status, reason, comment], ["disabled", "unused", null]);
  await assert.rejects(clientOf(rolled.plaintext).whoami(), (error: AuthenticationError) => {
    return error.code === "api_key_disabled";
  });
  assert.equal((await workspaces.enableApiKey(workspaceId, id)).status, "active");
  const transferred = await workspaces.transferApiKey(workspaceId, id, colleague);
  assert.deepEqual([transferred.createdBy, transferred.role], [colleague, "editor"]);
  assert.deepEqual([transferred.roleLimit, transferred.plaintext], [null, undefined]);
  assert.ok(transferred.permissions?.includes("keys:manage"), "it keeps what it had, as a list of its own");
  const taken = await workspaces.transferApiKey(workspaceId, id, colleague, { mode: "roll" });
  secret(taken.plaintext ?? "");
  assert.ok(taken.plaintext && taken.roleLimit === null);
  const revoked = await workspaces.revokeApiKey(workspaceId, id, { reason: "other", comment: "Not needed" });
  assert.deepEqual([revoked.status, revoked.reason, revoked.comment], ["revoked", "other", "Not needed"]);
  await assert.rejects(workspaces.enableApiKey(workspaceId, id), ConflictError);
  await workspaces.deleteApiKey(workspaceId, id, { reason: "rotated", comment: "A & B" });
});

test("a list of several pages is one array, and can be walked", async () => {
  const names = ["One", "Two", "Three"];
  const made = [];
  for (const name of names) made.push(await workspaces.createApiKey(workspaceId, { name }));
  made.forEach(({ plaintext }) => secret(plaintext));
  const all = await workspaces.listApiKeys(workspaceId, { pageSize: 1 });
  assert.deepEqual(all.slice(0, 3).map(({ name }) => name), ["Three", "Two", "One"]);
  const walked = [];
  for await (const { id } of workspaces.listApiKeys(workspaceId, { pageSize: 2 })) walked.push(id);
  assert.deepEqual(walked, all.map(({ id }) => id));
  const page = await workspaces.listApiKeys(workspaceId, { pageSize: 1 }).page();
  assert.deepEqual([page.data.length, typeof page.nextCursor], [1, "string"]);
  for (const { id } of made) await workspaces.deleteApiKey(workspaceId, id);
});

test("a creation that is sent twice makes one key, and says that its value is gone", async () => {
  const options = { idempotencyKey: `sdk-test-${Date.now()}` };
  const made = await workspaces.createApiKey(workspaceId, { name: "Once" }, options);
  secret(made.plaintext);
  await assert.rejects(workspaces.createApiKey(workspaceId, { name: "Once" }, options), (error: PlaintextLostError) => {
    return error instanceof PlaintextLostError && error.key.id === made.id;
  });
  await assert.rejects(workspaces.createApiKey(workspaceId, { name: "Other" }, options), (error: ConflictError) => {
    return error instanceof ConflictError && error.code === "idempotency_key_reused";
  });
  await workspaces.deleteApiKey(workspaceId, made.id);
});

test("refusals are typed, and name the fields", async () => {
  await assert.rejects(workspaces.createApiKey(workspaceId, { name: "x".repeat(1000) }), (error: ValidationError) => {
    return error instanceof ValidationError && error.code === "validation_failed" && error.details[0]?.field === "name";
  });
  const other = "ws_01k4w5c9q2e0vb7m3t8z6r1xhd";
  await assert.rejects(new Keyward({ apiKey, workspaceId: other, baseUrl }).whoami(), (error: PermissionDeniedError) => {
    return error instanceof PermissionDeniedError && error.code === "workspace_mismatch" && error.status === 403;
  });
  await assert.rejects(workspaces.listApiKeys(other).toArray(), NotFoundError);
  await assert.rejects(keyward.collection("nothing").get("x"), NotFoundError);
});

test("the members of the workspace are listed", async () => {
  const members = await keyward.members.list();
  assert.ok(members.some(({ id, role }) => id === colleague && role === "editor"));
  const same = await keyward.collection("members").list();
  assert.deepEqual(same, members);
});
