/** The resources that a server is configured to keep: documents under their collection's name. */
import { Listing, type ListQuery } from "./listing.js";
import type { RequestOptions } from "./options.js";
import type { Incoming, Transport } from "./transport.js";

/** The versions of documents that were read or written. Not a field: a document is what the server sent, no more. */
const etags = new WeakMap<object, string>();

/** The version of a document as `get`, `create`, `replace` and `patch` gave it, for `ifMatch`. */
export function etagOf(document: object): string | undefined {
  return etags.get(document);
}

/** Options of a write that must not overwrite what somebody else wrote meanwhile. */
export interface WriteOptions extends RequestOptions {
  /** Only if it is still this version ({@link etagOf}); else a `PreconditionFailedError` is thrown. */
  ifMatch?: string | undefined;
}

/** Options of a creation. */
export interface CreateOptions extends RequestOptions {
  /** Your own `Idempotency-Key`, if the call must stay one call over a restart of your program. */
  idempotencyKey?: string | undefined;
}

/** A collection. `T` is a document as the server gives it, `Input` what it takes. */
export class Collection<T extends object = Record<string, unknown>, Input = Partial<T>> {
  readonly #transport: Transport;
  readonly #path: readonly string[];

  /** `name` may be a path, such as `forms/frm_1/submissions`. */
  constructor(transport: Transport, name: string) {
    this.#transport = transport;
    this.#path = name.split("/");
  }

  /** The documents, newest first. `await` gives all of them; `for await` reads page by page. */
  list(query?: ListQuery): Listing<T> {
    return new Listing<T>(this.#transport, this.#path, query);
  }

  /** One document. */
  async get(id: string, options?: RequestOptions): Promise<T> {
    return remembered(await this.#transport.send<T>({ ...options, method: "GET", path: [...this.#path, id] }));
  }

  /** Makes a document; at most one, whatever the connection does. */
  async create(document: Input, options: CreateOptions = {}): Promise<T> {
    return remembered(await this.#transport.send<T>({
      ...options, method: "POST", path: this.#path, body: document, idempotencyKey: options.idempotencyKey ?? true,
    }));
  }

  /** Puts another document in its place. */
  async replace(id: string, document: Input, options?: WriteOptions): Promise<T> {
    return remembered(await this.#transport.send<T>({
      ...options, method: "PUT", path: [...this.#path, id], body: document,
    }));
  }

  /** Changes some fields (RFC 7396: null removes one). It is not tried again by itself. */
  async patch(id: string, change: MergePatch<Input>, options?: WriteOptions): Promise<T> {
    return remembered(await this.#transport.send<T>({
      ...options, method: "PATCH", path: [...this.#path, id], body: change,
    }));
  }

  /** Deletes a document. */
  async delete(id: string, options?: WriteOptions): Promise<void> {
    await this.#transport.send<void>({ ...options, method: "DELETE", path: [...this.#path, id] });
  }
}

/** What of a document changes; null removes a field. */
export type MergePatch<T> = T extends readonly unknown[] ? T
  : T extends object ? { [Field in keyof T]?: MergePatch<T[Field]> | null }
  : T;

function remembered<T extends object>({ data, etag }: Incoming<T>): T {
  if (etag !== undefined && typeof data === "object") etags.set(data, etag);
  return data;
}
