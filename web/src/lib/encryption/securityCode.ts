/** The code that people compare by voice (docs/protocol.md §7.4). */
import { type MemberState } from "./member.ts"

export interface SecurityCode {
  /** Six groups of five digits */
  readonly groups: readonly string[]
  /** Text of the QR code */
  readonly qr: string
}

export function securityCode(_state: MemberState): Promise<SecurityCode> {
  throw new Error("not yet")
}
