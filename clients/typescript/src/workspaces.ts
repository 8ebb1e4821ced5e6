/** API keys of a workspace, where the server lets keys manage keys (`keys.manage_with_keys`). */
import { PlaintextLostError } from "./errors.js";
import { Listing, type PageQuery } from "./listing.js";
import type { RequestOptions } from "./options.js";
import type { Incoming, Transport } from "./transport.js";
import type { ApiKey, ApiKeyChange, ApiKeyWithPlaintext, CreateApiKey, StopReason } from "./types.js";

/** Options of a call that makes a key's value. */
export interface IdempotentOptions extends RequestOptions {
  /** Your own `Idempotency-Key`, if the call must stay one call over a restart of your program. */
  idempotencyKey?: string | undefined;
}

/** Options of a call that stops a key: why it is stopped is shown on the key and in the audit trail. */
export interface StopOptions extends RequestOptions {
  reason?: StopReason | undefined;
  /** At most 500 characters. */
  comment?: string | undefined;
}

export class Workspaces {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The keys, newest first. `await` gives all of them as an array. */
  listApiKeys(workspaceId: string, query?: PageQuery): Listing<ApiKey> {
    return new Listing<ApiKey>(this.#transport, pathOf(workspaceId), query);
  }

  /** One key. */
  async getApiKey(workspaceId: string, keyId: string, options?: RequestOptions): Promise<ApiKey> {
    return this.#call("GET", pathOf(workspaceId, keyId), undefined, options);
  }

  /**
   * Makes a key. `plaintext` is shown this once.
   *
   * It is safe over a lost connection: at most one key is made. If its value was in the answer that was lost, this
   * throws {@link PlaintextLostError}, which names the key.
   */
  async createApiKey(
    workspaceId: string,
    key: CreateApiKey = {},
    options?: IdempotentOptions,
  ): Promise<ApiKeyWithPlaintext> {
    return this.#make(pathOf(workspaceId), key, options);
  }

  /** Stops a key at once, and removes its record. The reason is in the audit trail. */
  async deleteApiKey(
    workspaceId: string,
    keyId: string,
    { reason, comment, ...options }: StopOptions = {},
  ): Promise<void> {
    const path = pathOf(workspaceId, keyId);
    await this.#transport.send({ ...options, method: "DELETE", path, query: { reason, comment }, idempotent: true });
  }

  /** A new value for the same key. The old one stops at once, or after the overlap. */
  async rollApiKey(
    workspaceId: string,
    keyId: string,
    { overlapSeconds, ...options }: IdempotentOptions & { overlapSeconds?: number | undefined } = {},
  ): Promise<ApiKeyWithPlaintext> {
    const body = overlapSeconds === undefined ? {} : { overlapSeconds };
    return this.#make(pathOf(workspaceId, keyId, "roll"), body, options);
  }

  /** Changes name, expiry, addresses and permissions: what is left out stays, null clears. */
  async updateApiKey(
    workspaceId: string,
    keyId: string,
    change: ApiKeyChange,
    options?: RequestOptions,
  ): Promise<ApiKey> {
    return this.#call("PATCH", pathOf(workspaceId, keyId), change, options);
  }

  /** Gives a key another name. */
  async renameApiKey(workspaceId: string, keyId: string, name: string, options?: RequestOptions): Promise<ApiKey> {
    return this.updateApiKey(workspaceId, keyId, { name }, options);
  }

  /** Stops a key at once, until it is enabled. */
  async disableApiKey(workspaceId: string, keyId: string, options?: StopOptions): Promise<ApiKey> {
    return this.#stop(pathOf(workspaceId, keyId, "disable"), options);
  }

  /** The opposite of disabling. */
  async enableApiKey(workspaceId: string, keyId: string, options?: RequestOptions): Promise<ApiKey> {
    return this.#call("POST", pathOf(workspaceId, keyId, "enable"), undefined, options);
  }

  /** Stops a key at once and for good; its record stays. */
  async revokeApiKey(workspaceId: string, keyId: string, options?: StopOptions): Promise<ApiKey> {
    return this.#stop(pathOf(workspaceId, keyId, "revoke"), options);
  }

  /**
   * Makes another member the one whose role the key inherits. By the mode `keep`, its value works on with at most what it
   * had. By `roll`, its values end, and the answer has a new `plaintext`; that call is not tried again by itself.
   */
  async transferApiKey(
    workspaceId: string,
    keyId: string,
    userId: string,
    { mode = "keep", ...options }: RequestOptions & { mode?: "keep" | "roll" | undefined } = {},
  ): Promise<ApiKey & { plaintext?: string }> {
    const path = pathOf(workspaceId, keyId, "transfer");
    const { data } = await this.#transport.send<ApiKey & { plaintext?: string }>({
      ...options, method: "POST", path, body: { userId, mode }, idempotent: mode === "keep",
    });
    return data;
  }

  async #stop(path: string[], { reason, comment, ...options }: StopOptions = {}): Promise<ApiKey> {
    const body = reason === undefined && comment === undefined ? undefined : { reason, comment };
    return this.#call("POST", path, body, options);
  }

  /** All of these give the same result when they are done twice. */
  async #call<T>(
    method: "GET" | "POST" | "PATCH" | "DELETE",
    path: string[],
    body: unknown,
    options: RequestOptions = {},
  ): Promise<T> {
    const { data } = await this.#transport.send<T>({ ...options, method, path, body, idempotent: true });
    return data;
  }

  async #make(path: string[], body: unknown, options: IdempotentOptions = {}): Promise<ApiKeyWithPlaintext> {
    const idempotencyKey = options.idempotencyKey ?? true;
    const made: Incoming<ApiKey & { plaintext?: string }> = await this.#transport.send({
      ...options, method: "POST", path, body, idempotencyKey,
    });
    const { plaintext, ...key } = made.data;
    if (plaintext === undefined) throw new PlaintextLostError(key);
    return { ...key, plaintext };
  }
}

function pathOf(workspaceId: string, ...rest: string[]): string[] {
  return ["workspaces", workspaceId, "api-keys", ...rest];
}
