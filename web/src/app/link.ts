import { routeOf } from "./route"

/** The secret part of a session's link (docs/protocol.md §3.1). */
export interface LinkSecret {
  /** As it stands in the link, with its marks. */
  secret: string
  passcode: boolean
  /** Whoever comes by it asks to be admitted. */
  knock: boolean
}

/** Undefined when the fragment is not a whole secret: 43 characters, canonical, and its marks. */
export function secretOf(fragment: string): LinkSecret | undefined {
  // The last of 43 characters carries four bits; the two others must be zero.
  const secret = /^#([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048](?:\.p|\.k|\.pk)?)$/.exec(fragment)?.[1]
  return secret === undefined ? undefined : { secret, passcode: /\.pk?$/.test(secret), knock: /\.p?k$/.test(secret) }
}

/** The first whole link to a visit of `origin` in a text that was pasted, as path and fragment. */
export function linkIn(text: string, origin: string): string | undefined {
  for (const [found] of text.matchAll(/https?:\/\/[^\s<>"]+#[A-Za-z0-9_.-]+/g)) {
    if (!URL.canParse(found)) continue
    const url = new URL(found)
    // The full stop behind a link belongs to the sentence.
    const fragment = url.hash.replace(/\.$/, "")
    if (url.origin === origin && routeOf(url.pathname).page === "telemedicine" && secretOf(fragment)) return url.pathname + fragment
  }
  return undefined
}
