/** The secret part of a session's link (docs/protocol.md §3.1). */
export interface LinkSecret {
  /** As it stands in the link, with the mark of a passcode. */
  secret: string
  passcode: boolean
}

/** Undefined when the fragment is not a whole secret: 43 characters, canonical, and `.p` for a passcode. */
export function secretOf(fragment: string): LinkSecret | undefined {
  // The last of 43 characters carries four bits; the two others must be zero.
  const secret = /^#([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048](?:\.p)?)$/.exec(fragment)?.[1]
  return secret === undefined ? undefined : { secret, passcode: secret.endsWith(".p") }
}
