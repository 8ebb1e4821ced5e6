/** Keys of other programs, for a gateway or a backend with a service token. */
import type { RequestOptions } from "./options.js";
import type { Transport } from "./transport.js";
import type { VerifiedKey, VerifyKey } from "./types.js";

export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Is this key good? A bad key is no error: act on `valid` and `code`. Each call counts against the key's rate limit, so
   * it is not tried again by itself.
   */
  async verify(key: string, question: Omit<VerifyKey, "key"> = {}, options?: RequestOptions): Promise<VerifiedKey> {
    const { data } = await this.#transport.send<VerifiedKey>({
      ...options, method: "POST", path: ["keys", "verify"], body: { ...question, key },
    });
    return data;
  }
}
