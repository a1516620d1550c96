/** One HTTP call with a time limit, retries where they are safe, and typed refusals (docs/protocol.md §8.2). */

/** The names of §8.2, or `unknown` for an answer that is no problem document of ours. */
export type ProblemName =
  | "malformed"
  | "not-authorised"
  | "forbidden"
  | "not-found"
  | "stale-parent"
  | "session-exists"
  | "wrong-place"
  | "entry-exists"
  | "part-exists"
  | "file-exists"
  | "too-many-open"
  | "session-ended"
  | "too-large"
  | "unsupported-media-type"
  | "range"
  | "too-many"
  | "unavailable"
  | "storage-full"
  | "unknown"

/**
 * Base of what a call to the server can reject with.
 *
 * ServerError
 *  ├─ Refusal      the server answered and said no, with a stable name
 *  └─ Unreachable  no answer, or none that makes sense; trying later can help
 */
export class ServerError extends Error {}

export class Refusal extends ServerError {
  override readonly name = "Refusal"
  constructor(
    readonly problem: ProblemName,
    readonly status: number,
    readonly limit?: string,
    /** Milliseconds that the server asks to wait. */
    readonly retryAfter?: number,
  ) {
    super(`the server refused: ${problem} (${status})`)
  }

  /** Whether the same may be taken later without anybody's doing: a count that is reached stays so. */
  get passes(): boolean {
    return transient.has(this.status) && this.limit !== "invites" && this.limit !== "members"
  }

  /** Where no room is left: in this session, or at the whole server (docs/protocol.md §8.3). */
  get full(): "session" | "server" | undefined {
    if (this.problem !== "storage-full") return undefined
    return this.limit === "storedBytes" || this.limit === "entries" ? "session" : "server"
  }
}

export class Unreachable extends ServerError {
  override readonly name = "Unreachable"
  constructor(detail = "no answer") {
    super(`the server cannot be reached: ${detail}`)
  }
}

/** Whether the same can be tried again later without anybody's doing. */
export function passes(error: unknown): boolean {
  return error instanceof Unreachable || (error instanceof Refusal && error.passes)
}

export interface Call {
  method?: "GET" | "POST" | "PUT" | "DELETE"
  token?: string | undefined
  /** JSON value, or raw bytes. */
  body?: unknown
  headers?: Record<string, string>
  /** Milliseconds for one try. */
  timeout?: number
  /** How often at most; every route is idempotent by id, so tries are safe. */
  tries?: number
  signal?: AbortSignal | undefined
}

const problemPrefix = "urn:careseal:problem:"
const transient = new Set([429, 502, 503, 504])

/** Waits `ms`, or rejects at once when `signal` aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(abortReason(signal))
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener("abort", stop, { once: true })
  })
}

/** Full jitter: a random time up to `base` doubled for each try, at most `most` ms. */
export function backoff(attempt: number, base = 300, most = 15_000): number {
  return base / 2 + Math.random() * Math.min(most, base * 2 ** attempt)
}

/** Calls and returns the answer of a success; rejects with Refusal or Unreachable, or with the abort's reason. */
export async function call(url: string, options: Call = {}): Promise<Response> {
  const tries = options.tries ?? 4
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await once(url, options)
    } catch (error) {
      if (!passes(error) || attempt + 1 >= tries) throw error
      const asked = error instanceof Refusal ? error.retryAfter : undefined
      await pause(Math.max(asked ?? 0, backoff(attempt)), options.signal)
    }
  }
}

/** As `call`, with the answer's JSON object. */
export async function callJson(url: string, options: Call = {}): Promise<Record<string, unknown>> {
  const answer = await call(url, options)
  const value: unknown = await answer.json().catch(() => undefined)
  if (!isRecord(value)) throw new Unreachable("an answer that is not JSON")
  return value
}

async function once(url: string, options: Call): Promise<Response> {
  const limit = AbortSignal.timeout(options.timeout ?? 15_000)
  const signal = options.signal ? AbortSignal.any([limit, options.signal]) : limit
  let answer: Response
  try {
    answer = await fetch(url, {
      method: options.method ?? "GET",
      headers: headersOf(options),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal,
      ...(options.body === undefined ? {} : { body: bodyOf(options.body) }),
    })
  } catch {
    if (options.signal?.aborted) throw abortReason(options.signal)
    throw new Unreachable(limit.aborted ? "it took too long" : "no answer")
  }
  if (answer.ok) return answer
  throw refusalOf(answer.status, answer.headers.get("retry-after"), await answer.json().catch(() => undefined))
}

function headersOf(options: Call): Record<string, string> {
  const headers: Record<string, string> = { ...options.headers }
  if (options.token !== undefined) headers["Authorization"] = `Bearer ${options.token}`
  if (options.body !== undefined) {
    headers["Content-Type"] = options.body instanceof Uint8Array ? "application/octet-stream" : "application/json"
  }
  return headers
}

function bodyOf(body: unknown): BodyInit {
  return body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body)
}

/** What a problem document says. */
export function refusalOf(status: number, retryAfter: string | null, document: unknown): Refusal {
  const type = isRecord(document) && typeof document["type"] === "string" ? document["type"] : ""
  const problem = type.startsWith(problemPrefix) ? (type.slice(problemPrefix.length) as ProblemName) : "unknown"
  const limit = isRecord(document) && typeof document["limit"] === "string" ? document["limit"] : undefined
  const seconds = retryAfter === null ? Number.NaN : Number(retryAfter)
  return new Refusal(problem, status, limit, Number.isFinite(seconds) ? Math.min(seconds, 60) * 1000 : undefined)
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new DOMException("stopped", "AbortError")
}
