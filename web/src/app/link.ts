/** The secret part of a session's link (docs/protocol.md §3.1). */
export interface LinkSecret {
  secret: string
  passcode: boolean
}

/** Undefined when the fragment is not a whole secret: 43 characters, canonical, and `.p` for a passcode. */
export function secretOf(fragment: string): LinkSecret | undefined {
  // The last of 43 characters carries four bits; the two others must be zero.
  const match = /^#([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])(\.p)?$/.exec(fragment)
  return match?.[1] === undefined ? undefined : { secret: match[1], passcode: match[2] !== undefined }
}
