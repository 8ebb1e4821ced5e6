/** What can go wrong. Every error is a {@link KeywardError}; none of them holds a key. */
import type { ApiKey } from "./types.js";

/** A field that is to blame. */
export interface FieldError {
  field: string;
  message: string;
}

/** What is known of an error. */
export interface ErrorFacts {
  status?: number | undefined;
  code: string;
  requestId?: string | undefined;
  details?: FieldError[] | undefined;
  retryAfter?: number | undefined;
  cause?: unknown;
}

/** The server refused or failed, or could not be reached. */
export class KeywardError extends Error {
  /** The HTTP status; undefined if there was no answer. */
  readonly status: number | undefined;
  /**
   * The stable reason, such as `insufficient_permission`. Of a server whose error style tells none, it is `http_403`
   * and so on.
   */
  readonly code: string;
  /** What the server's log knows the request by. */
  readonly requestId: string | undefined;
  /** The fields to blame. */
  readonly details: readonly FieldError[];
  /** After how many seconds to try again, if the server said. */
  readonly retryAfter: number | undefined;

  constructor(message: string, facts: ErrorFacts) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.status = facts.status;
    this.code = facts.code;
    this.requestId = facts.requestId;
    this.details = facts.details ?? [];
    this.retryAfter = facts.retryAfter;
  }
}

/** 401: the key is unknown, revoked, disabled, expired or orphaned. */
export class AuthenticationError extends KeywardError {}
/** 403: the key is good, and may not do this. */
export class PermissionDeniedError extends KeywardError {}
/** 404: there is no such thing, or the key may not know of it. */
export class NotFoundError extends KeywardError {}
/** 409: it conflicts with what is there. */
export class ConflictError extends KeywardError {}
/** 412: somebody else changed it since (`ifMatch`). Read it again. */
export class PreconditionFailedError extends KeywardError {}
/** 400 or 422: the request is not acceptable. `details` names the fields. */
export class ValidationError extends KeywardError {}
/** 429: too many requests. */
export class RateLimitError extends KeywardError {}
/** 502, 503 or 504: the server can't answer right now. */
export class UnavailableError extends KeywardError {}
/** There is no answer. Whether the server did what it was asked for is not known. */
export class ConnectionError extends KeywardError {}
/** There is no answer in time. */
export class TimeoutError extends ConnectionError {}

/**
 * A key was made, and its value is lost: the answer that had it did not arrive, and the server shows it only once.
 * Roll or delete {@link PlaintextLostError.key}.
 */
export class PlaintextLostError extends KeywardError {
  /** The key whose value nobody has. */
  readonly key: ApiKey;

  constructor(key: ApiKey) {
    const message = `The key ${key.id} was made before, and its value is shown only once. Roll or delete it.`;
    super(message, { code: "plaintext_lost" });
    this.key = key;
  }
}

/** The error of an answer that is no success, in whichever of the four styles the server writes. */
export function errorOf(response: Response, text: string): KeywardError {
  const { status, headers } = response;
  const body = record(parse(text));
  // `envelope` has everything inside; the other styles have it beside.
  const error = typeof body["error"] === "object" ? record(body["error"]) : body;
  const title = string(body["error"]);
  const message = string(error["message"]) ?? string(error["detail"]);
  const said = title && message ? `${title}: ${message}` : (message ?? title ?? string(error["title"]));
  const facts: ErrorFacts = {
    status,
    code: string(error["code"]) ?? `http_${status}`,
    requestId: string(error["requestId"]) ?? headers.get("x-request-id") ?? undefined,
    details: fieldErrors(error["details"]),
    retryAfter: seconds(headers.get("retry-after")),
  };
  return new (classOf(status))(said ?? `The server answered ${status}`, facts);
}

function classOf(status: number): typeof KeywardError {
  switch (status) {
    case 400:
    case 422:
      return ValidationError;
    case 401:
      return AuthenticationError;
    case 403:
      return PermissionDeniedError;
    case 404:
      return NotFoundError;
    case 409:
      return ConflictError;
    case 412:
      return PreconditionFailedError;
    case 429:
      return RateLimitError;
    case 502:
    case 503:
    case 504:
      return UnavailableError;
    default:
      return KeywardError;
  }
}

/** `Retry-After`: seconds, or a date, which a proxy may send. */
function seconds(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d+$/.test(value.trim())) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - Date.now()) / 1000));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function string(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value.map(record).flatMap(({ field, message }) => {
    return typeof field === "string" && typeof message === "string" ? [{ field, message }] : [];
  });
}
