/**
 * What the rest of the client may import of the sealing (docs/protocol.md).
 *
 * A session's life: `found`, or `readFragment`, `inviteKeys`, `openDoor`, `join`; then `applyEntry` for each entry of the
 * log in order, `encryptMessage` and `makeCommit` to write, `doorOf` and `checkDoor` to keep the door right,
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
  accessTokenOf,
  inviteKeys,
  type InviteKeys,
  type InviteOptions,
  type LinkSecret,
  newInvite,
  type NewInvite,
  readFragment,
} from "./invite.ts"
export { type KeyBox } from "./door.ts"
export { admission, isKnock, type Knock, makeKnock, nameIn } from "./knock.ts"
export { type Epoch, type EpochRecord } from "./epoch.ts"
export { grantFor, knownFrom, mayGrant, takeHistory } from "./granting.ts"
export { type History, openGrant, openLetter } from "./history.ts"
export { firstContradiction, vouchesFor } from "./log.ts"
export { join, type Joining, type LogTail, openDoor, type OpenedDoor } from "./joining.ts"
export { checkDoor, checkKeyBox, type DoorFault, doorOf, type DoorRequest, type Letter, lettersDue } from "./keeping.ts"
export {
  type Applied,
  applyEntry,
  type Changes,
  type ChatRequest,
  type CommitRequest,
  type Committing,
  type CreateRequest,
  decryptMessage,
  dropPending,
  encryptMessage,
  type EntryEvent,
  found,
  type Founded,
  type FoundOptions,
  frameKeys,
  makeCommit,
  openEntry,
  ownMember,
} from "./member.ts"
export {
  type CallPayload,
  type EditPayload,
  type FilePayload,
  type HistoryPayload,
  type MessageEvent,
  type NotePayload,
  type Payload,
  type ReactionPayload,
  type ReceiptPayload,
  type RefusedCause,
  type TextPayload,
  type WithdrawPayload,
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
  withStart,
} from "./policy.ts"
export { type RosterMember } from "./roster.ts"
export { securityCode, type SecurityCode } from "./securityCode.ts"
export {
  type Instance,
  type OpenedSignal,
  openSignal,
  sealSignal,
  type SignalPayload,
  type SignalSender,
  type SignalWindow,
} from "./signal.ts"
export { contradicting, decodeState, encodeState, isStopped, type MemberState, type Pending } from "./state.ts"
export { type VoidCause } from "./validity.ts"
