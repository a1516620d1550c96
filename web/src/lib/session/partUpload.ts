/** Puts one sealed part, telling how many bytes have gone (docs/protocol.md §8: `PUT …/parts/{n}`). */
import { call, refusalOf, Refusal, Unreachable } from "./http.ts"

const stalledAfter = 60_000

/** Resolves when the part is there: put now, or already before the reload that forgot it. `sealed` is copied at once. */
export async function putPart(
  url: string,
  token: string,
  sealed: Uint8Array<ArrayBuffer>,
  gone: (bytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (typeof XMLHttpRequest === "undefined") {
      await call(url, { method: "PUT", token, body: sealed, signal, timeout: 300_000, tries: 1 })
    } else {
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/octet-stream" }
      const request = await putWithProgress(url, headers, sealed, gone, signal, stalledAfter)
      if (request.status < 200 || request.status >= 300)
        throw refusalOf(request.status, request.getResponseHeader("retry-after"), parsed(request.responseText))
    }
  } catch (error) {
    // Same file key, number and plain text under another salt: an earlier try of ours landed without its answer.
    if (!(error instanceof Refusal && error.problem === "part-exists")) throw error
  }
  gone(sealed.length)
}

/** Puts bytes somewhere else, with these headers and nothing of ours; the status. Gives up when nothing goes for `patience` ms, once something has gone for a minute. */
export async function putBytes(
  url: string,
  headers: Record<string, string>,
  sealed: Uint8Array<ArrayBuffer>,
  gone: (bytes: number) => void,
  signal: AbortSignal,
  patience: number,
): Promise<number> {
  if (typeof XMLHttpRequest !== "undefined") return (await putWithProgress(url, headers, sealed, gone, signal, patience)).status
  return (await fetch(url, { method: "PUT", headers, body: sealed, credentials: "omit", redirect: "error", signal })).status
}

/** `fetch` cannot tell progress of what it sends. */
function putWithProgress(
  url: string,
  headers: Record<string, string>,
  sealed: Uint8Array<ArrayBuffer>,
  gone: (bytes: number) => void,
  signal: AbortSignal,
  patience: number,
): Promise<XMLHttpRequest> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const abort = () => request.abort()
    const settle = (error?: Error) => {
      clearTimeout(stall)
      signal.removeEventListener("abort", abort)
      if (error) reject(error)
      else resolve(request)
    }
    let stall = setTimeout(abort, patience)
    request.open("PUT", url)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded }) => {
      clearTimeout(stall)
      stall = setTimeout(abort, stalledAfter)
      gone(loaded)
    }
    request.onload = () => settle()
    request.onerror = () => settle(new Unreachable())
    request.onabort = () =>
      settle(signal.aborted ? new DOMException("stopped", "AbortError") : new Unreachable("it took too long"))
    signal.addEventListener("abort", abort, { once: true })
    if (signal.aborted) settle(new DOMException("stopped", "AbortError"))
    // Through a service worker's routes a Blob goes by reference; bytes would be copied at each.
    else request.send(new Blob([sealed]))
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
