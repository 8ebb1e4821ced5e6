/** Sends requests: credentials, time limits, attempts. The only file that knows the credential. */
import { randomUUID } from "node:crypto";
import { ConnectionError, errorOf, KeywardError, NotFoundError, TimeoutError } from "./errors.js";
import type { RequestOptions, Settings } from "./options.js";
import { pause, pauseAfter, Repeat } from "./retries.js";

/** The package's version, for the server's log. */
const USER_AGENT = `keyward-sdk/0.1.0 node/${process.versions.node}`;

/** A request. */
export interface Outgoing extends RequestOptions {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** The path under the base URL, in segments; each is encoded. */
  path: readonly string[];
  query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  body?: unknown;
  /** Only if it still has this ETag. */
  ifMatch?: string | undefined;
  /** Makes a POST safe to send again: a caller's own, or `true` for one that is made here and kept over all attempts. */
  idempotencyKey?: string | true | undefined;
  /** A POST that changes nothing when it is done twice. */
  idempotent?: boolean | undefined;
}

/** What came back. */
export interface Incoming<T> {
  data: T;
  etag: string | undefined;
}

export class Transport {
  // Private to the language: neither JSON.stringify nor util.inspect sees it.
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** The same for a member: what it sends is bounded by the member's role, too. */
  onBehalfOf(userId: string): Transport {
    return new Transport({ ...this.#settings, onBehalfOf: userId });
  }

  /** Sends it, and sends it again where that is safe and may help. */
  async send<T>(outgoing: Outgoing): Promise<Incoming<T>> {
    const { url, init } = this.#prepare(outgoing);
    const repeat = repeatOf(outgoing);
    let unanswered = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt<T>(url, init, outgoing);
      } catch (error) {
        if (!(error instanceof KeywardError)) throw error;
        // An attempt that was not answered has deleted it.
        if (unanswered && outgoing.method === "DELETE" && error instanceof NotFoundError) {
          return { data: undefined as T, etag: undefined };
        }
        const wait = pauseAfter(error, attempt, repeat, this.#settings);
        if (wait === undefined) throw error;
        unanswered ||= error instanceof ConnectionError;
        await pause(wait, outgoing.signal);
      }
    }
  }

  #prepare(outgoing: Outgoing): { url: string; init: RequestInit } {
    const { baseUrl, credential, workspaceId, onBehalfOf } = this.#settings;
    const headers: Record<string, string> = {
      authorization: `Bearer ${credential}`,
      accept: "application/json",
      "user-agent": USER_AGENT,
    };
    if (workspaceId !== undefined) headers["x-workspace-id"] = workspaceId;
    if (onBehalfOf !== undefined) headers["keyward-on-behalf-of"] = onBehalfOf;
    if (outgoing.ifMatch !== undefined) headers["if-match"] = outgoing.ifMatch;
    const key = outgoing.idempotencyKey === true ? randomUUID() : outgoing.idempotencyKey;
    if (key !== undefined) headers["idempotency-key"] = key;
    // A redirect would carry the key to another place.
    const init: RequestInit = { method: outgoing.method, headers, redirect: "manual" };
    if (outgoing.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(outgoing.body);
    }
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(outgoing.query ?? {})) {
      if (value !== undefined) query.append(name, String(value));
    }
    const tail = query.toString();
    return { url: `${baseUrl}/${outgoing.path.map(segment).join("/")}${tail && `?${tail}`}`, init };
  }

  async #attempt<T>(url: string, init: RequestInit, { signal, timeoutMs }: RequestOptions): Promise<Incoming<T>> {
    signal?.throwIfAborted();
    const limit = timeoutMs ?? this.#settings.timeoutMs;
    const controller = new AbortController();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, limit);
    const stop = () => controller.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    let response: Response;
    let text: string;
    try {
      const { fetch } = this.#settings;
      response = await fetch(url, { ...init, signal: controller.signal });
      // The limit holds for the last byte too.
      text = await response.text();
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      if (late) throw new TimeoutError(`No answer within ${limit} ms`, { code: "timeout" });
      throw new ConnectionError(`The server can't be reached: ${reasonOf(cause)}`, { code: "connection_failed", cause });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
    if (!response.ok) throw errorOf(response, text);
    return { data: parsed<T>(response, text), etag: response.headers.get("etag") ?? undefined };
  }
}

function repeatOf({ method, ifMatch, idempotencyKey, idempotent }: Outgoing): Repeat {
  if (method === "GET") return Repeat.Always;
  // Done and not answered, the second attempt would find another ETag, and report a conflict that there is not.
  if (ifMatch !== undefined) return Repeat.AfterRefusal;
  if (method === "PUT" || method === "DELETE" || idempotent || idempotencyKey !== undefined) return Repeat.Always;
  return Repeat.Never;
}

/** A step of a path that can't lead out of it. */
function segment(text: string): string {
  if (typeof text !== "string" || text === "" || text === "." || text === "..") {
    throw new TypeError(`${JSON.stringify(text)} can't be part of a path: an id or a name is missing`);
  }
  return encodeURIComponent(text);
}

function parsed<T>(response: Response, text: string): T {
  if (text === "") return undefined as T;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    const requestId = response.headers.get("x-request-id") ?? undefined;
    const facts = { status: response.status, code: "unexpected_answer", requestId, cause };
    throw new KeywardError("The answer is not JSON. Is baseUrl right?", facts);
  }
}

/** Why `fetch` failed stands in its error's cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : cause instanceof Error ? cause.message : String(cause);
}
