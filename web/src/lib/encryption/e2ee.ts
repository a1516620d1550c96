/**
 * What the rest of the client may import of the sealing (docs/protocol.md).
 *
 * A session's life: `found`, or `readFragment` → `inviteKeys` → `openDoor` → `join`; then `applyEntry` for each entry of
 * the log in order, `encryptMessage` and `makeCommit` to write, `doorOf` and `checkDoor` to keep the door right,
 * `sealSignal` and `openSignal` beside the log. Frames of calls: `frame.ts`, which a worker imports alone.
 */
export { type Bytes, equal, fromBase64Url, type Random, secureRandom, toBase64Url } from "./bytes.ts"
export { type EntryDigest, type EntryKind, type LogEntry, type Position, readDigest, readEntry } from "./entry.ts"
export { CannotOpen, DoorUnfit, Malformed, Refused, SealError } from "./errors.ts"
export {
  decryptFile,
  decryptPart,
  encryptFile,
  encryptPart,
  newFile,
  type NewFile,
  partCount,
  partOverhead,
  partRange,
  partSize,
  sealedFileSize,
  sealedPartSize,
} from "./file.ts"
export { type IdentityKey, type Introduction, newIdentityKey } from "./identity.ts"
export {
  inviteKeys,
  type InviteKeys,
  type InviteOptions,
  type LinkSecret,
  newInvite,
  type NewInvite,
  readFragment,
} from "./invite.ts"
export {
  type Applied,
  applyEntry,
  type ChatRequest,
  checkDoor,
  checkHead,
  type CommitRequest,
  type Committing,
  type CreateRequest,
  decodeState,
  decryptMessage,
  type DoorRequest,
  doorOf,
  dropPending,
  encodeState,
  encryptMessage,
  type EntryEvent,
  type Epoch,
  type EpochRecord,
  found,
  type Founded,
  type FoundOptions,
  frameKeys,
  grantFor,
  type History,
  join,
  type Joining,
  type KeyBox,
  knownFrom,
  type Letter,
  lettersDue,
  makeCommit,
  mayGrant,
  type MemberState,
  openDoor,
  type OpenedDoor,
  openEntry,
  openGrant,
  openLetter,
  openSignal,
  type Pending,
  sealSignal,
  type SignalSender,
  takeHistory,
  type VoidCause,
} from "./member.ts"
export {
  type CallPayload,
  type FilePayload,
  type MessageEvent,
  type NotePayload,
  type Payload,
  type ReceiptPayload,
  type TextPayload,
} from "./message.ts"
export {
  inviteOf,
  type Policy,
  type PolicyInvite,
  type PolicySettings,
  type Role,
  withInvite,
  withInviteClosed,
  withoutInvite,
  withSettings,
} from "./policy.ts"
export { type RosterMember } from "./roster.ts"
export { type SecurityCode, securityCode } from "./securityCode.ts"
export { type Instance, type OpenedSignal, type SignalPayload, type SignalWindow } from "./signal.ts"
