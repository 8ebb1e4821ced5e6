/** Lists, which the server gives page by page. */
import type { RequestOptions } from "./options.js";
import type { Transport } from "./transport.js";

/** One page as the server gives it. */
export interface Page<T> {
  data: T[];
  /** For the next page; null on the last one. */
  nextCursor: string | null;
}

/** Which part of a list. */
export interface ListQuery extends RequestOptions {
  /** How many things a page has, 1 to 100. */
  pageSize?: number | undefined;
  /** Where to start: the `nextCursor` of the page before. */
  cursor?: string | undefined;
  /** Only things whose field has this value, where the collection can filter by it. */
  filter?: Readonly<Record<string, string | number | boolean>> | undefined;
  /** In the order of this field, where the collection has it; `-field` puts the largest first. */
  sort?: string | undefined;
}

/** Of a list that has one order, and nothing to filter by. */
export type PageQuery = Omit<ListQuery, "filter" | "sort">;

/** `await` and `for await` read everything, so they ask for the most at a time. */
const WHOLE_PAGE = 100;

/**
 * A list that is not read yet.
 *
 * - `await listing` gives everything as an array;
 * - `for await (const thing of listing)` reads page by page, as far as the loop goes;
 * - `listing.pages()` gives the pages; `listing.page()` one page, for a cursor of your own.
 */
export class Listing<T> implements PromiseLike<T[]>, AsyncIterable<T> {
  readonly #transport: Transport;
  readonly #path: readonly string[];
  readonly #query: ListQuery;

  constructor(transport: Transport, path: readonly string[], query: ListQuery = {}) {
    this.#transport = transport;
    this.#path = path;
    this.#query = query;
  }

  /** One page: the first, or that of the cursor. */
  page(): Promise<Page<T>> {
    return this.#fetch(this.#query.cursor, this.#query.pageSize);
  }

  /** All pages, each when it is asked for. */
  async *pages(): AsyncGenerator<Page<T>, void, undefined> {
    let cursor = this.#query.cursor;
    for (;;) {
      const page = await this.#fetch(cursor, this.#query.pageSize ?? WHOLE_PAGE);
      yield page;
      if (page.nextCursor === null || page.nextCursor === cursor) return;
      cursor = page.nextCursor;
    }
  }

  /** All things, page by page. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* page.data;
  }

  /** All things as an array: what `await` uses. */
  async toArray(): Promise<T[]> {
    const all: T[] = [];
    for await (const page of this.pages()) all.push(...page.data);
    return all;
  }

  then<A = T[], B = never>(
    done?: ((all: T[]) => A | PromiseLike<A>) | null,
    failed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.toArray().then(done, failed);
  }

  async #fetch(cursor: string | undefined, pageSize: number | undefined): Promise<Page<T>> {
    const { filter, sort, signal, timeoutMs } = this.#query;
    const query = { ...filter, sort, pageSize, cursor };
    const { data } = await this.#transport.send<Page<T>>({
      method: "GET", path: this.#path, query, signal, timeoutMs,
    });
    return data;
  }
}
