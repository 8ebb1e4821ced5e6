import { Admin } from "./admin.js";
import { Collection } from "./collections.js";
import { Keys } from "./keys.js";
import { Members } from "./members.js";
import { checked, checkedUserId, type KeywardOptions, type RequestOptions } from "./options.js";
import { Transport } from "./transport.js";
import type { WhoAmI } from "./types.js";
import { Workspaces } from "./workspaces.js";

/**
 * A program's way to Keyward, by an API key, or a backend's, by a service token.
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
  /** Whether other programs' keys are good, for a service token. */
  readonly keys: Keys;
  /** Tenants and users, for a service token. */
  readonly admin: Admin;
  readonly #transport: Transport;

  constructor(options: KeywardOptions | Transport) {
    this.#transport = options instanceof Transport ? options : new Transport(checked(options));
    this.workspaces = new Workspaces(this.#transport);
    this.members = new Members(this.#transport);
    this.keys = new Keys(this.#transport);
    this.admin = new Admin(this.#transport);
  }

  /**
   * The same client for a member, with a service token: the member's role bounds what it does, and so does what the token
   * may do. A key that it makes is the member's.
   */
  onBehalfOf(userId: string): Keyward {
    return new Keyward(this.#transport.onBehalfOf(checkedUserId(userId)));
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
