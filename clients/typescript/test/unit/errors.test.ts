import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { inspect } from "node:util";
import * as sdk from "@keyward/sdk";
import { stub } from "../support/stub.js";

const apiKey = "sk_live_4f9TzqKb2LwYx7RmVc1HsDgNpE0aJuQX";

async function errorOf(test: TestContext, status: number, body: unknown, headers = {}): Promise<sdk.KeywardError> {
  const { baseUrl } = await stub(test, { status, body, headers });
  const keyward = new sdk.Keyward({ apiKey, baseUrl, maxRetries: 0 });
  const error = await keyward.whoami().then(() => assert.fail("it is refused"), (error: unknown) => error);
  assert.ok(error instanceof sdk.KeywardError);
  return error;
}

const envelope = (code: string) => ({ error: { code, message: "No.", timestamp: "…", requestId: "req_1" } });

for (const [status, type] of [
  [400, sdk.ValidationError],
  [401, sdk.AuthenticationError],
  [403, sdk.PermissionDeniedError],
  [404, sdk.NotFoundError],
  [409, sdk.ConflictError],
  [412, sdk.PreconditionFailedError],
  [422, sdk.ValidationError],
  [429, sdk.RateLimitError],
  [500, sdk.KeywardError],
  [503, sdk.UnavailableError],
] as const) {
  test(`${status} is a ${type.name} with code and request id`, async (t) => {
    const error = await errorOf(t, status, envelope("some_code"));
    assert.equal(error.constructor, type);
    assert.deepEqual([error.name, error.status, error.code, error.requestId, error.message],
      [type.name, status, "some_code", "req_1", "No."]);
  });
}

test("the four styles are read", async (t) => {
  const details = [{ field: "name", message: "is too long" }];
  const styles: [unknown, string, string][] = [
    [{ error: { code: "validation_failed", message: "No.", requestId: "req_1", details } }, "validation_failed", "No."],
    [{ error: "No." }, "http_422", "No."],
    [{ error: "Title", message: "No." }, "http_422", "Title: No."],
    [{ title: "Title", detail: "No.", status: 422, code: "validation_failed", requestId: "req_1", details },
      "validation_failed", "No."],
  ];
  for (const [body, code, message] of styles) {
    const error = await errorOf(t, 422, body, { "x-request-id": "req_1" });
    assert.deepEqual([error.code, error.message, error.requestId], [code, message, "req_1"]);
    assert.deepEqual(error.details, code === "validation_failed" ? details : []);
  }
});

test("a proxy's page is an error too, and is not quoted", async (t) => {
  const error = await errorOf(t, 502, "<html>nginx</html>", { "retry-after": "7" });
  assert.ok(error instanceof sdk.UnavailableError);
  assert.deepEqual([error.code, error.retryAfter, error.requestId], ["http_502", 7, "req_stub"]);
  assert.equal(error.message, "The server answered 502");
});

test("a success that is no JSON is an error", async (t) => {
  const error = await errorOf(t, 200, "<html>");
  assert.equal(error.code, "unexpected_answer");
});

test("Retry-After may be a date", async (t) => {
  const error = await errorOf(t, 429, {}, { "retry-after": new Date(Date.now() + 90_000).toUTCString() });
  assert.ok(error.retryAfter !== undefined && error.retryAfter > 80 && error.retryAfter <= 90);
});

test("a key is in no error and no output of the client", async (t) => {
  const { baseUrl } = await stub(t, { status: 401, body: envelope("invalid_api_key") }, { hangUp: true });
  const keyward = new sdk.Keyward({ apiKey, baseUrl, maxRetries: 0 });
  const errors = [
    await keyward.whoami().catch((error: unknown) => error),
    await keyward.whoami().catch((error: unknown) => error),
  ];
  for (const thing of [keyward, keyward.workspaces, keyward.members, keyward.collection("posts"), ...errors]) {
    const seen = inspect(thing, { depth: null, showHidden: true }) + JSON.stringify(thing) + String(thing);
    assert.ok(!seen.includes("4f9Tzq"), seen);
  }
  for (const wrong of [`${apiKey}\n`, `${apiKey} `, "", undefined as unknown as string]) {
    assert.throws(() => new sdk.Keyward({ apiKey: wrong }), (error: Error) => {
      return error instanceof TypeError && !inspect(error).includes("4f9Tzq");
    });
  }
});

test("options are checked before anything is sent", () => {
  for (const baseUrl of ["api.example.com", "ftp://a/v1", "https://user:secret@a/v1", "https://a/v1?b"]) {
    assert.throws(() => new sdk.Keyward({ apiKey, baseUrl }), (error: Error) => !error.message.includes("secret"));
  }
  assert.throws(() => new sdk.Keyward({ apiKey, timeoutMs: 0 }), /timeoutMs/);
  assert.throws(() => new sdk.Keyward({ apiKey, maxRetries: -1 }), /maxRetries/);
  assert.throws(() => new sdk.Keyward({ apiKey, workspaceId: "" }), /workspaceId/);
});
