// Leaves two connections, which the suite then reads with the command line.
import assert from "node:assert/strict";
import { test } from "node:test";
import { etagOf, NotFoundError, PreconditionFailedError, ValidationError } from "@keyward/sdk";
import { apiKey, clientOf } from "./server.js";

interface Connection {
  id: string;
  network: string;
  handle?: string;
}

const connections = clientOf(apiKey).collection<Connection>("connections");

test("a document is created, read, replaced, patched and deleted, and no write overwrites another", async () => {
  const made = await connections.create({ network: "bluesky", handle: "@ada" });
  assert.deepEqual(await connections.get(made.id), made);
  const replaced = await connections.replace(made.id, { network: "x", handle: "@ada" }, { ifMatch: etagOf(made) });
  assert.notEqual(etagOf(replaced), etagOf(made));
  const late = connections.patch(made.id, { handle: "@late" }, { ifMatch: etagOf(made) });
  await assert.rejects(late, (error: PreconditionFailedError) => {
    return error instanceof PreconditionFailedError && error.code === "precondition_failed";
  });
  const patched = await connections.patch(made.id, { handle: null }, { ifMatch: etagOf(replaced) });
  assert.deepEqual([patched.network, "handle" in patched], ["x", false]);
  await assert.rejects(connections.delete(made.id, { ifMatch: etagOf(made) }), PreconditionFailedError);
  await connections.delete(made.id, { ifMatch: etagOf(patched) });
  await assert.rejects(connections.get(made.id), NotFoundError);
});

test("a document that does not fit is refused, and its fields are named", async () => {
  await assert.rejects(connections.create({ handle: "@ada" }), (error: ValidationError) => {
    return error instanceof ValidationError && error.details.length > 0;
  });
});

test("a creation that is sent twice makes one document", async () => {
  const options = { idempotencyKey: `sdk-connection-${Date.now()}` };
  const made = await connections.create({ network: "once" }, options);
  assert.deepEqual(await connections.create({ network: "once" }, options), made);
  assert.equal((await connections.list({ filter: { network: "once" } })).length, 1);
  await connections.delete(made.id);
});

test("documents are filtered, sorted and walked", async () => {
  for (const handle of ["@b", "@a"]) await connections.create({ network: "mastodon", handle });
  const sorted = await connections.list({ filter: { network: "mastodon" }, sort: "handle", pageSize: 1 });
  assert.deepEqual(sorted.map(({ handle }) => handle), ["@a", "@b"]);
  assert.deepEqual(await connections.list({ filter: { network: "none" } }), []);
});
