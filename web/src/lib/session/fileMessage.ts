/** File messages as payloads and as references (docs/protocol.md §5.2, §6). */
import { type FilePayload, fromBase64Url, toBase64Url } from "../encryption/e2ee.ts"
import { safeMime, safeName } from "./fileName.ts"
import { type FileRef } from "./types.ts"

export function fileOf(payload: FilePayload): FileRef {
  return {
    id: payload.file,
    key: fromBase64Url(payload.key),
    size: payload.size,
    parts: payload.parts,
    name: safeName(payload.name),
    mime: safeMime(payload.mime),
    ...(payload.thumb === undefined ? {} : { thumb: fromBase64Url(payload.thumb) }),
    ...(payload.voice === undefined ? {} : { voice: payload.voice }),
  }
}

export function filePayload(message: string, file: FileRef): FilePayload {
  return {
    type: "file",
    message,
    file: file.id,
    key: toBase64Url(file.key),
    size: file.size,
    parts: file.parts,
    name: file.name,
    mime: file.mime,
    ...(file.thumb === undefined ? {} : { thumb: toBase64Url(file.thumb) }),
    ...(file.voice === undefined ? {} : { voice: file.voice }),
  }
}
