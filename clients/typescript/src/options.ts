/** What a client is made of, checked once. */

/** How to reach a server, and as whom. */
export interface KeywardOptions {
  /** The API key. Keep it on the server: its holder can do what the key can. This or `serviceToken` is needed. */
  apiKey?: string | undefined;
  /** The service token of a backend of the operator. Keep it on the server. */
  serviceToken?: string | undefined;
  /** With a service token: the member for whom it acts, such as `usr_01k4w5c9q2e0vb7m3t8z6r1xhd`. */
  onBehalfOf?: string | undefined;
  /** The workspace that the key belongs to. If set, it is sent along, and a key of another workspace is refused. */
  workspaceId?: string | undefined;
  /**
   * Where the API is, with its base path: `https://api.example.com/v1`. Left out, it is the environment variable
   * `KEYWARD_URL`, and without that the demo on this machine.
   */
  baseUrl?: string | undefined;
  /** The longest that one attempt may take, in milliseconds; 30 seconds if left out. */
  timeoutMs?: number | undefined;
  /** How often to try again, at most, where that is safe; 2 if left out. */
  maxRetries?: number | undefined;
  /** The longest `Retry-After` to wait for, in milliseconds; 30 seconds if left out. Above it the error is thrown at once. */
  maxRetryWaitMs?: number | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
}

/** What may differ from request to request. */
export interface RequestOptions {
  /** Ends the request; its reason is then thrown. */
  signal?: AbortSignal | undefined;
  /** The longest that one attempt may take, in milliseconds. */
  timeoutMs?: number | undefined;
}

/** {@link KeywardOptions}, complete. */
export interface Settings {
  /** The API key or the service token. */
  credential: string;
  workspaceId: string | undefined;
  onBehalfOf: string | undefined;
  baseUrl: string;
  timeoutMs: number;
  maxRetries: number;
  maxRetryWaitMs: number;
  fetch: typeof globalThis.fetch;
}

const DEMO = "http://127.0.0.1:8080/v1";
const VISIBLE_ASCII = /^[!-~]+$/;

/** Fails with a TypeError unless a header can carry it. */
export function checkedUserId(userId: string): string {
  if (typeof userId !== "string" || !VISIBLE_ASCII.test(userId)) {
    throw new TypeError("onBehalfOf must be a user's id, such as usr_01k4w5c9q2e0vb7m3t8z6r1xhd");
  }
  return userId;
}

/** Fails with a TypeError that names the option, and never repeats the key. */
export function checked(options: KeywardOptions): Settings {
  const { apiKey, serviceToken, onBehalfOf, workspaceId } = options;
  if (apiKey !== undefined && serviceToken !== undefined) {
    throw new TypeError("apiKey and serviceToken can't both be set: each request has one credential");
  }
  const credential = serviceToken ?? apiKey;
  // A header that can't be sent would be quoted in the error of `fetch`.
  if (typeof credential !== "string" || !VISIBLE_ASCII.test(credential)) {
    const name = serviceToken === undefined ? "apiKey must be an API key" : "serviceToken must be a service token";
    throw new TypeError(`${name}: visible ASCII characters, without a space. Is it set?`);
  }
  if (onBehalfOf !== undefined) checkedUserId(onBehalfOf);
  if (onBehalfOf !== undefined && serviceToken === undefined) {
    throw new TypeError("onBehalfOf goes with serviceToken only");
  }
  if (workspaceId !== undefined && (typeof workspaceId !== "string" || !VISIBLE_ASCII.test(workspaceId))) {
    throw new TypeError("workspaceId must be a workspace's id, such as ws_01k4w5c9q2e0vb7m3t8z6r1xhd");
  }
  return {
    credential,
    workspaceId,
    onBehalfOf,
    baseUrl: checkedUrl(options.baseUrl ?? (process.env["KEYWARD_URL"] || DEMO)),
    timeoutMs: checkedNumber("timeoutMs", options.timeoutMs ?? 30_000, 1),
    maxRetries: checkedNumber("maxRetries", options.maxRetries ?? 2, 0),
    maxRetryWaitMs: checkedNumber("maxRetryWaitMs", options.maxRetryWaitMs ?? 30_000, 0),
    fetch: options.fetch ?? globalThis.fetch,
  };
}

function checkedUrl(text: string): string {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // Told below, as the other mistakes are.
  }
  const plain = url && !url.username && !url.password && !url.search && !url.hash;
  if (!url || !plain || !["http:", "https:"].includes(url.protocol)) {
    throw new TypeError("baseUrl must be an http or https URL with the base path, such as https://api.example.com/v1");
  }
  return url.href.replace(/\/+$/, "");
}

function checkedNumber(name: string, value: number, least: number): number {
  // Timers hold 31 bits.
  if (!Number.isFinite(value) || value < least || value > 2 ** 31 - 1) {
    throw new TypeError(`${name} must be a number from ${least} to ${2 ** 31 - 1}`);
  }
  return value;
}
