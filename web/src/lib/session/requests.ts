/** What e2ee makes, as the JSON that the server takes: byte strings in base64url (docs/protocol.md §8). */
import { type Bytes, toBase64Url } from "../encryption/e2ee.ts"
import { type CommitRequest } from "./transport.ts"

/** A commit as the server takes it. */
export function textual(request: {
  id: string
  parent: number
  commit: Bytes
  door: Bytes
  keyBoxes: readonly { invite: string; box: Bytes }[]
}): CommitRequest {
  return {
    id: request.id,
    parent: request.parent,
    commit: toBase64Url(request.commit),
    door: toBase64Url(request.door),
    keyBoxes: request.keyBoxes.map(({ invite, box }) => ({ invite, box: toBase64Url(box) })),
  }
}

/** A chat entry as the server takes it. */
export function textualChat(request: { id: string; parent: number; encryptedMessage: Bytes }) {
  return { id: request.id, parent: request.parent, encryptedMessage: toBase64Url(request.encryptedMessage) }
}
