/** Identity keys: this device's own, and those of clinicians it has met (trust on first use, docs/protocol.md §2.1). */
import { type IdentityKey, newIdentityKey, type RosterMember, toBase64Url } from "../encryption/e2ee.ts"
import { type Storage } from "./storage.ts"
import { type Member } from "./types.ts"

interface Met {
  name: string
  /** Session in which the key was first seen. */
  session: string
}

/** The clinician's key of this device, made at the first need. */
export async function ownIdentity(storage: Storage): Promise<IdentityKey> {
  const kept = (await storage.get(["identity"])) as IdentityKey | undefined
  if (kept) return kept
  const made = await newIdentityKey()
  await storage.write([{ put: ["identity"], value: made }])
  return made
}

/**
 * Whether a host is who was met before: `known` when its key was seen in another session, `changed` when another key
 * was seen under its name, `new` at the first time. With `remember` the key counts as met from now on.
 */
export async function recognise(
  storage: Storage,
  session: string,
  member: RosterMember,
  remember: boolean,
): Promise<Member["identity"]> {
  if (!member.known || member.role !== "host") return "none"
  const key = toBase64Url(member.known)
  const own = (await storage.get(["identity"])) as IdentityKey | undefined
  if (own && toBase64Url(own.key) === key) return "known"
  const met = (await storage.get(["clinician", key])) as Met | undefined
  if (met && met.session !== session) return "known"
  const others = await storage.under(["clinician"])
  const name = folded(member.name)
  const another = others.some(
    ({ key: [, otherKey], value }) => otherKey !== key && folded((value as Met).name) === name && name !== "",
  )
  if (!met && remember) await storage.write([{ put: ["clinician", key], value: { name: member.name, session } }])
  return another ? "changed" : "new"
}

function folded(name: string): string {
  return name.normalize("NFKC").trim().replace(/\s+/gu, " ").toLowerCase()
}
