/** When to try again, and after how long. */
import { ConnectionError, KeywardError } from "./errors.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
/** Statuses that say: nothing is wrong with the request, and it was not done. */
const PASSING = new Set([429, 502, 503, 504]);

/** How freely a request may be sent again. */
export enum Repeat {
  /** Not at all: it might be done twice. */
  Never,
  /** After a refusal that will pass. Without an answer it may have been done, and then it would fail the second time. */
  AfterRefusal,
  /** Always: doing it twice is doing it once. */
  Always,
}

/** Milliseconds to wait before attempt number `attempt + 1`; undefined if there is to be none. */
export function pauseAfter(
  error: KeywardError,
  attempt: number,
  repeat: Repeat,
  limits: { maxRetries: number; maxRetryWaitMs: number },
): number | undefined {
  if (attempt > limits.maxRetries || !mayRepeat(error, repeat)) return undefined;
  if (error.retryAfter !== undefined) {
    const wait = error.retryAfter * 1000;
    // Those who wait for the same second should not all come at once.
    return wait > limits.maxRetryWaitMs ? undefined : wait + Math.random() * 100;
  }
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
  return pause * (0.5 + Math.random() / 2);
}

function mayRepeat(error: KeywardError, repeat: Repeat): boolean {
  if (error instanceof ConnectionError) return repeat === Repeat.Always;
  return repeat !== Repeat.Never && error.status !== undefined && PASSING.has(error.status);
}

/** Waits, unless the signal ends it: then its reason is thrown. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}
