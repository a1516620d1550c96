/** The code that people compare by voice (docs/protocol.md §7.4). */
import { concat, u8, utf8 } from "./bytes.ts"
import { Refused } from "./errors.ts"
import { hashNow } from "./seal.ts"
import { type MemberState } from "./state.ts"

export interface SecurityCode {
  /** Six groups of five digits */
  readonly groups: readonly string[]
  /** Text of the QR code */
  readonly qr: string
}

/** The code of the current epoch. Throws Refused outside the group. */
export function securityCode({ sessionId, epoch, phase }: MemberState): SecurityCode {
  if (epoch === undefined || phase !== "in") throw new Refused("not in the group")
  return securityCodeOf(sessionId, epoch.secrets.code)
}

/** `code` is code(n), 32 bytes. */
export function securityCodeOf(sessionId: string, code: Uint8Array): SecurityCode {
  const groups = Array.from({ length: 6 }, (_, i) => {
    const digest = hashNow(concat(utf8("careseal/1 code"), u8(i), code))
    const value = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) % 100000n
    return value.toString().padStart(5, "0")
  })
  return { groups, qr: `careseal:1:${sessionId}:${groups.join("")}` }
}
