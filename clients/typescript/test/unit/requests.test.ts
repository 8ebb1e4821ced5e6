import assert from "node:assert/strict";
import { test } from "node:test";
import { etagOf, Keyward } from "@keyward/sdk";
import { stub } from "../support/stub.js";

interface Post {
  id: string;
  title: string;
  tags?: string[];
}

const page = (ids: string[], nextCursor: string | null) => ({ body: { data: ids.map((id) => ({ id })), nextCursor } });
const ids = (things: { id: string }[]) => things.map(({ id }) => id);

test("a request brings the key and the workspace, and follows no redirect", async (t) => {
  const server = await stub(t, { body: { kind: "api_key" } }, { status: 302, headers: { location: "/elsewhere" } });
  const keyward = new Keyward({ apiKey: "sk_test_key", workspaceId: "ws_1", baseUrl: `${server.baseUrl}/` });
  await keyward.whoami();
  const [asked] = server.asked;
  assert.deepEqual([asked?.method, asked?.url], ["GET", "/v1/whoami"]);
  assert.equal(asked?.headers.authorization, "Bearer sk_test_key");
  assert.equal(asked?.headers["x-workspace-id"], "ws_1");
  assert.match(asked?.headers["user-agent"] ?? "", /^keyward-sdk\/\d/);
  await assert.rejects(keyward.whoami());
  assert.equal(server.asked.length, 2);
});

test("a list is an array to await, and a sequence to walk, which reads no further than it is walked", async (t) => {
  const server = await stub(t, page(["a", "b"], "c1"), page(["c"], null), page(["a", "b"], "c1"));
  const keyward = new Keyward({ apiKey: "sk_test_key", baseUrl: server.baseUrl });
  const listing = keyward.workspaces.listApiKeys("ws_1");
  assert.equal(server.asked.length, 0);
  const keys = await listing;
  assert.ok(Array.isArray(keys));
  assert.deepEqual(ids(keys), ["a", "b", "c"]);
  assert.deepEqual(server.asked.map(({ url }) => url),
    ["/v1/workspaces/ws_1/api-keys?pageSize=100", "/v1/workspaces/ws_1/api-keys?pageSize=100&cursor=c1"]);
  for await (const key of listing) {
    if (key.id === "b") break;
  }
  assert.equal(server.asked.length, 3);
});

test("a page is one page, with filters", async (t) => {
  const server = await stub(t, page(["a"], "c1"));
  const keyward = new Keyward({ apiKey: "sk_test_key", baseUrl: server.baseUrl });
  const query = { pageSize: 1, cursor: "c0", filter: { status: "a&b", pinned: true }, sort: "-title" };
  const { data, nextCursor } = await keyward.collection<Post>("posts").list(query).page();
  assert.deepEqual([ids(data), nextCursor], [["a"], "c1"]);
  assert.equal(server.asked[0]?.url, "/v1/posts?status=a%26b&pinned=true&sort=-title&pageSize=1&cursor=c0");
});

test("a collection creates, reads, replaces, patches and deletes, with ETags", async (t) => {
  const post = { id: "p1", title: "One" };
  const server = await stub(t, { status: 201, headers: { etag: '"1"' }, body: post },
    { headers: { etag: '"1"' }, body: post }, { headers: { etag: '"2"' }, body: post },
    { headers: { etag: '"3"' }, body: post }, { status: 204 });
  const posts = new Keyward({ apiKey: "sk_test_key", baseUrl: server.baseUrl }).collection<Post>("forms/f 1/posts");
  const made = await posts.create({ title: "One" });
  assert.deepEqual([made, etagOf(made)], [post, '"1"']);
  assert.equal(etagOf(await posts.get("p1")), '"1"');
  const replaced = await posts.replace("p1", { title: "Two" }, { ifMatch: etagOf(made) });
  assert.equal(etagOf(await posts.patch("p1", { tags: null }, { ifMatch: etagOf(replaced) })), '"3"');
  await posts.delete("p/1", { ifMatch: '"3"' });
  const seen = server.asked.map(({ method, url, headers, body }) => [method, url, headers["if-match"], body]);
  assert.deepEqual(seen, [
    ["POST", "/v1/forms/f%201/posts", undefined, '{"title":"One"}'],
    ["GET", "/v1/forms/f%201/posts/p1", undefined, ""],
    ["PUT", "/v1/forms/f%201/posts/p1", '"1"', '{"title":"Two"}'],
    ["PATCH", "/v1/forms/f%201/posts/p1", '"2"', '{"tags":null}'],
    ["DELETE", "/v1/forms/f%201/posts/p%2F1", '"3"', ""],
  ]);
});

test("a missing id asks for nothing: it would mean another thing", async (t) => {
  const server = await stub(t, { status: 204 });
  const { workspaces } = new Keyward({ apiKey: "sk_test_key", baseUrl: server.baseUrl });
  for (const id of ["", "..", undefined as unknown as string]) {
    await assert.rejects(workspaces.deleteApiKey("ws_1", id), TypeError);
  }
  assert.equal(server.asked.length, 0);
});

test("another fetch can be given", async () => {
  const asked: string[] = [];
  const fetch: typeof globalThis.fetch = async (url) => {
    asked.push(String(url));
    return new Response('{"kind":"user"}');
  };
  await new Keyward({ apiKey: "sk_test_key", baseUrl: "https://api.example.com/v1", fetch }).whoami();
  assert.deepEqual(asked, ["https://api.example.com/v1/whoami"]);
});
