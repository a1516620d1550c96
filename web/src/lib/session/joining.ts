/** From a link to a join that can be posted (docs/protocol.md §3.7). */
import {
  type Bytes,
  CannotOpen,
  DoorUnfit,
  type EntryDigest,
  type Introduction,
  type InviteKeys,
  inviteKeys,
  join,
  type Joining,
  Malformed,
  type MemberState,
  openDoor,
  type OpenedDoor,
  fromBase64Url,
  readDigest,
  readFragment,
  Refused,
  toBase64Url,
} from "../encryption/e2ee.ts"
import { Refusal } from "./http.ts"
import { type Transport } from "./transport.ts"
import { SessionFailure } from "./types.ts"

/** The door does not open or does not fit; a host that comes online mends it. */
export class DoorNotReady extends Error {}

/** Reads a link's fragment and passcode. Rejects with `link-malformed` or `passcode-wrong`. */
export async function keysOf(id: string, fragment: string, passcode: string | undefined): Promise<InviteKeys> {
  let link
  try {
    fromBase64Url(id, 16)
    link = readFragment(fragment.replace(/^#/, ""))
  } catch {
    throw new SessionFailure("link-malformed")
  }
  if (link.passcode && (passcode === undefined || passcode.trim() === "")) throw new SessionFailure("passcode-wrong")
  return inviteKeys(id, link, link.passcode ? passcode : undefined)
}

/** Opens the door behind a link or, with a member's token, for a return. */
export async function fetchDoor(
  transport: Transport,
  token: string,
  keys: InviteKeys,
): Promise<{ door: OpenedDoor; letter: Bytes | undefined }> {
  const answer = await transport.door(token)
  if (answer.keyBox === undefined) throw new DoorNotReady("no key box")
  try {
    const door = await openDoor(keys, { door: fromBase64Url(answer.door), keyBox: fromBase64Url(answer.keyBox) })
    return { door, letter: answer.letter === undefined ? undefined : fromBase64Url(answer.letter) }
  } catch (error) {
    if (error instanceof CannotOpen || error instanceof Malformed || error instanceof Refused) {
      throw new DoorNotReady(error.message)
    }
    throw error
  }
}

/** All entries after `seq`, by their digests. */
export async function digestsAfter(
  transport: Transport,
  token: string,
  after: number,
  upTo = Number.MAX_SAFE_INTEGER,
): Promise<{ digests: EntryDigest[]; lastCommit: number }> {
  const digests: EntryDigest[] = []
  for (;;) {
    const page = await transport.digests(token, digests.at(-1)?.seq ?? after)
    digests.push(...page.entries.map(readDigest))
    const last = digests.at(-1)?.seq ?? after
    if (page.entries.length === 0 || last >= page.head || last >= upTo) {
      return { digests: digests.filter(({ seq }) => seq <= upTo), lastCommit: page.lastCommit }
    }
  }
}

/** Makes the external commit. Rejects with DoorNotReady, or SessionFailure when the invite takes nobody more. */
export async function prepareJoin(
  transport: Transport,
  token: string,
  keys: InviteKeys,
  introduction: Introduction,
  returning?: MemberState,
): Promise<{ joining: Joining; letter: Bytes | undefined }> {
  const { door, letter } = await fetchDoor(transport, token, keys)
  const log = await digestsAfter(transport, token, door.position.seq)
  try {
    return { joining: await join(door, log, introduction, returning), letter }
  } catch (error) {
    if (error instanceof DoorUnfit) throw new DoorNotReady(error.message)
    if (error instanceof Refused) throw new SessionFailure("link-used-up")
    throw error
  }
}

/** What a refusal of the access token means to who has the link: a wrong passcode derives a wrong token. */
export function linkFailure(error: unknown, passcode: boolean): unknown {
  if (!(error instanceof Refusal)) return error
  if (error.problem === "not-authorised") return new SessionFailure(passcode ? "passcode-wrong" : "link-refused")
  if (error.problem === "session-ended") return new SessionFailure("expired")
  return error
}

export async function hashOf(token: Uint8Array): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", token as Uint8Array<ArrayBuffer>)))
}
