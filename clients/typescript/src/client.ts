import { Collection } from "./collections.js";
import { Members } from "./members.js";
import { checked, type KeywardOptions, type RequestOptions } from "./options.js";
import { Transport } from "./transport.js";
import type { WhoAmI } from "./types.js";
import { Workspaces } from "./workspaces.js";

/**
 * A program's way to Keyward.
 *
 * ```ts
 * const keyward = new Keyward({ apiKey: process.env.KEYWARD_API_KEY!, workspaceId: process.env.KEYWARD_WORKSPACE_ID! });
 * const keys = await keyward.workspaces.listApiKeys(workspaceId);
 * ```
 */
export class Keyward {
  /** API keys, where the server lets keys manage keys. */
  readonly workspaces: Workspaces;
  /** The people of the key's workspace. */
  readonly members: Members;
  readonly #transport: Transport;

  constructor(options: KeywardOptions) {
    this.#transport = new Transport(checked(options));
    this.workspaces = new Workspaces(this.#transport);
    this.members = new Members(this.#transport);
  }

  /** Who is behind the key, and what it may do now. */
  async whoami(options?: RequestOptions): Promise<WhoAmI> {
    const { data } = await this.#transport.send<WhoAmI>({ ...options, method: "GET", path: ["whoami"] });
    return data;
  }

  /** A resource that the server is configured to keep, such as `posts` or `forms/frm_1/submissions`. */
  collection<T extends object = Record<string, unknown>, Input = Partial<T>>(name: string): Collection<T, Input> {
    return new Collection<T, Input>(this.#transport, name);
  }
}
