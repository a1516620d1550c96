/** From a link to a join that can be posted (docs/protocol.md §3.7). */
import {
  accessTokenOf,
  type Bytes,
  CannotOpen,
  DoorUnfit,
  equal,
  type EntryDigest,
  type Introduction,
  type InviteKeys,
  inviteKeys,
  join,
  type Joining,
  type LogTail,
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
import { headway } from "./headway.ts"
import { Refusal } from "./http.ts"
import { type DoorAnswer, type Transport } from "./transport.ts"
import { SessionFailure } from "./types.ts"

/** The door does not open or does not fit; a host that comes online mends it. */
export class DoorNotReady extends Error {}

/** The key box with which a host answered a knock, and the seed of the knock's key (docs/protocol.md §3.8). */
export interface Admitted {
  keyBox: string
  seed: Bytes
}

/** The access token of a link, before its keys are made; undefined when a passcode belongs to it, or it is no link. */
export function earlyToken(id: string, fragment: string): string | undefined {
  try {
    const link = readFragment(fragment.replace(/^#/, ""))
    return link.passcode ? undefined : toBase64Url(accessTokenOf(id, link))
  } catch {
    return undefined
  }
}

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

/** The door that was opened last, and what it was opened from. */
let last: { sealedDoor: string; keyBox: string; door: OpenedDoor } | undefined

/** Opens the door behind a link or, with a member's token, for a return. */
export async function fetchDoor(
  transport: Transport,
  token: string,
  keys: InviteKeys,
  admitted?: Admitted,
): Promise<{ door: OpenedDoor; letter: Bytes | undefined }> {
  return openAnswer(keys, await transport.door(token), admitted)
}

/** Opens what the server answered; the door that was opened last is not opened again. */
export async function openAnswer(
  keys: InviteKeys,
  answer: DoorAnswer,
  admitted?: Admitted,
): Promise<{ door: OpenedDoor; letter: Bytes | undefined }> {
  const keyBox = admitted?.keyBox ?? answer.keyBox
  if (keyBox === undefined) throw new DoorNotReady("no key box")
  const seed = admitted && { seed: admitted.seed }
  const letter = answer.letter === undefined ? undefined : fromBase64Url(answer.letter)
  const same = last?.sealedDoor === answer.door && last.keyBox === keyBox && equal(last.door.keys.box.seed, keys.box.seed)
  if (last && same && last.door.sessionId === keys.sessionId) return { door: last.door, letter }
  try {
    const door = await openDoor(keys, { door: fromBase64Url(answer.door), keyBox: fromBase64Url(keyBox), ...seed })
    last = { sealedDoor: answer.door, keyBox, door }
    return { door, letter }
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
  const goesOn = headway()
  for (;;) {
    const page = await transport.digests(token, digests.at(-1)?.seq ?? after)
    digests.push(...page.entries.map(readDigest))
    const last = digests.at(-1)?.seq ?? after
    if (page.entries.length === 0 || last >= page.head || last >= upTo) {
      return { digests: digests.filter(({ seq }) => seq <= upTo), lastCommit: page.lastCommit }
    }
    goesOn(Math.min(page.head, upTo) - last)
  }
}

/** How long what was fetched ahead of a join is good, ms: by then a host may have put letters or another door. */
const FRESH = 30_000

interface Behind {
  door: OpenedDoor
  letter: Bytes | undefined
  log: LogTail
}

/** What was fetched while the name was written. */
let ready: { keys: InviteKeys; behind: Promise<Behind | undefined>; at: number } | undefined

/** Fetches door and log for the join that is about to come; what fails is fetched again by the join. */
export function makeReady(transport: Transport, token: string, keys: InviteKeys): void {
  ready = { keys, behind: fetchBehind(transport, token, keys).catch(() => undefined), at: performance.now() }
}

/** Once: a join that came too late fetches anew. */
async function takeReady(keys: InviteKeys): Promise<Behind | undefined> {
  const taken = ready
  ready = undefined
  const fits = taken?.keys.sessionId === keys.sessionId && taken.keys.id === keys.id
  return fits && performance.now() - taken.at < FRESH ? taken.behind : undefined
}

async function fetchBehind(transport: Transport, token: string, keys: InviteKeys, admitted?: Admitted): Promise<Behind> {
  // The log behind the door that was seen last is asked for beside the door: mostly it is the same still.
  const likely = last?.door.sessionId === keys.sessionId ? last.door.position.seq : undefined
  const early = likely === undefined ? undefined : digestsAfter(transport, token, likely)
  early?.catch(() => undefined)
  const { door, letter } = await fetchDoor(transport, token, keys, admitted)
  const fits = early !== undefined && door.position.seq === likely
  return { door, letter, log: await (fits ? early : digestsAfter(transport, token, door.position.seq)) }
}

/** Makes the external commit. Rejects with DoorNotReady, or SessionFailure when the invite takes nobody more. */
export async function prepareJoin(
  transport: Transport,
  token: string,
  keys: InviteKeys,
  introduction: Introduction,
  { returning, admitted }: { returning?: MemberState; admitted?: Admitted | undefined } = {},
): Promise<{ joining: Joining; letter: Bytes | undefined }> {
  const early = returning || admitted ? undefined : await takeReady(keys)
  const { door, letter, log } = early ?? (await fetchBehind(transport, token, keys, admitted))
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
  if (error.problem === "session-ended") return new SessionFailure("ended")
  return error
}

export async function hashOf(token: Uint8Array): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", token as Uint8Array<ArrayBuffer>)))
}
