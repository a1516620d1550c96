/**
 * What the web client's decoders say of inputs: one JSON case a line in, one verdict a line out. Bytes are base64url.
 *
 * Built and driven by test_both_languages.py.
 */
import { createInterface } from "node:readline"
import { fromBase64Url, fromUtf8 } from "../../web/src/lib/encryption/bytes.ts"
import { decodeCommitData } from "../../web/src/lib/encryption/commitData.ts"
import { decodeDoor } from "../../web/src/lib/encryption/door.ts"
import { openSignal, SealError } from "../../web/src/lib/encryption/e2ee.ts"
import { readFrameHeader } from "../../web/src/lib/encryption/frame.ts"
import { decodeHistory } from "../../web/src/lib/encryption/history.ts"
import { readIdentity } from "../../web/src/lib/encryption/identity.ts"
import { readFragment } from "../../web/src/lib/encryption/invite.ts"
import { decodeJson } from "../../web/src/lib/encryption/json.ts"
import { openMessage } from "../../web/src/lib/encryption/message.ts"
import { checkSuccessor, decodePolicy } from "../../web/src/lib/encryption/policy.ts"
import { unpad } from "../../web/src/lib/encryption/seal.ts"

type Bytes = ReturnType<typeof fromBase64Url>
type Given = Record<string, any>

/** Throws SealError, or says more than that it took the input. */
const decoders: Record<string, (data: Bytes, given: Given) => unknown> = {
  json: (data) => void decodeJson(data),
  base64url: (data) => void fromBase64Url(fromUtf8(data)),
  unpad: (data) => void unpad(data),
  policy: (data) => void decodePolicy(data),
  successor: (data, { before, ...rest }) => {
    checkSuccessor(decodePolicy(fromBase64Url(before)), decodePolicy(data), rest as never)
  },
  identity: (data) => void readIdentity(data),
  "commit data": (data) => void decodeCommitData(data),
  history: (data) => void decodeHistory(data),
  door: (data) => void decodePolicy(decodeDoor(data).policy),
  fragment: (data) => void readFragment(fromUtf8(data)),
  "frame header": (data) => {
    if (readFrameHeader(data, 0) === undefined) throw new SealError("no header")
  },
  chat: async (data, { session, record, seq, parent, id }) => {
    const { epochs } = decodeHistory(fromBase64Url(record))
    const entry = { seq, parent, kind: "chat" as const, id, body: data, at: 0 }
    const { event } = await openMessage(session, epochs[0] as never, entry)
    return event.kind
  },
  signal: async (data, { session, n, secret, context, leaf, members, instance }) => {
    const roster = members.map((each: Given) => ({ ...each, key: fromBase64Url(each["key"]), memberId: each["key"] }))
    const epoch = { n, context: fromBase64Url(context), members: roster, secrets: { signal: fromBase64Url(secret) } }
    const state = { phase: "in", sessionId: session, epoch, self: { leaf } }
    await openSignal(state as never, { instance }, new Map(), data, 0)
  },
}

const given = new Map<string, Given>()

async function verdict({ kind, data, scene }: Given): Promise<string> {
  if (scene !== undefined) given.set(kind, scene)
  try {
    return String((await decoders[kind]?.(fromBase64Url(data), given.get(kind) ?? {})) ?? "taken")
  } catch (error) {
    return error instanceof SealError ? "refused" : `crashed: ${String((error as Error).stack)}`
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await verdict(JSON.parse(line)))}\n`)
}
