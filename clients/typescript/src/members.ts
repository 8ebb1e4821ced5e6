/** The people of the key's workspace. */
import { Listing, type PageQuery } from "./listing.js";
import type { Transport } from "./transport.js";
import type { Member } from "./types.js";

export class Members {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The members, newest first. `await` gives all of them as an array. */
  list(query?: PageQuery): Listing<Member> {
    return new Listing<Member>(this.#transport, ["members"], query);
  }
}
