import { useEffect, useRef, useState } from "preact/hooks"
import { bytes, length, names } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Session, SessionFailure, type Transfer, type Transfers } from "../../lib/session/types"
import { Icon } from "../Icon"
import { notify } from "../notices"
import { ofSession } from "./ofSession"
import { sentBy, sortOut, type SortedOut } from "./sending"
import { TotalTransfer } from "./TotalTransfer"
import "./files.css"

const mostAtOnce = 200

/** Files that wait for an answer before they are sent. */
export const doubtful = ofSession<SortedOut["doubtful"]>([])

/** Sends what can be sent, says what cannot, asks where a file may not be meant. */
export function sendFiles(session: Session, files: readonly File[]): void {
  if (files.length > mostAtOnce) {
    notify(t("file.tooMany", { count: mostAtOnce }))
    return
  }
  const sorted = sortOut(files, sentBy(session))
  if (sorted.empty.length > 0) notify(t("file.empty", { names: names(sorted.empty) }))
  if (sorted.tooLarge.length > 0) notify(t("file.tooLarge", { names: names(sorted.tooLarge) }))
  if (sorted.fine.length > 0) void sendOrSay(() => session.transfers.upload(sorted.fine))
  if (sorted.doubtful.length > 0) doubtful(session).value = [...doubtful(session).value, ...sorted.doubtful]
}

/** Sends, or says why that cannot be; tells which. */
export async function sendOrSay(send: () => Promise<void>): Promise<boolean> {
  try {
    await send()
    return true
  } catch (error) {
    // Of a write that failed, the browser's name for that.
    const cause = error instanceof SessionFailure ? error.message : error instanceof Error ? error.name : ""
    notify(`${t("file.notKept")} ${errorWords(cause)}`)
    return false
  }
}

/** Files on their way, each with how far it is and what can be done about it. */
export function FileTransfer({ transfers }: { transfers: Transfers }) {
  const moving = transfers.active.value.filter(
    ({ state }) => state.value !== "done" && state.value !== "cancelled",
  )
  return (
    <div class={moving.length > 0 ? "transfers" : "no-transfers"}>
      <TotalTransfer all={transfers.active.value} moving={moving} />
      {moving.length > 0 && (
        <ul aria-label={t("file.transfers")}>
          {moving.map((transfer) => (
            <Moving key={transfer.id} transfer={transfer} />
          ))}
        </ul>
      )}
    </div>
  )
}

function Moving({ transfer }: { transfer: Transfer }) {
  const state = transfer.state.value
  const done = transfer.done.value
  return (
    <li class="transfer" data-state={state}>
      <p class="file-name">
        <Words k={transfer.direction === "up" ? "file.up" : "file.down"} name={transfer.name} />
      </p>
      <progress
        max={Math.max(1, transfer.size)}
        value={done}
        aria-label={t(transfer.direction === "up" ? "file.up" : "file.down", { name: transfer.name })}
      />
      <p class="small quiet">
        <span>{t(`file.state.${state}`)}</span>
        <span>{t("file.progress", { done: bytes(done), size: bytes(transfer.size) })}</span>
        {state === "running" && transfer.rate.value > 0 && (
          <span class="transfer-rate">{t("file.rate", { rate: bytes(transfer.rate.value) })}</span>
        )}
        {state === "running" && transfer.left.value !== undefined && (
          <span>{t("file.left", { time: length(transfer.left.value) })}</span>
        )}
      </p>
      {transfer.error.value !== undefined && state === "failed" && <p class="small bad">{errorWords(transfer.error.value)}</p>}
      {transfer.needsFile.value && <NeedsFile transfer={transfer} />}
      <div class="transfer-acts">
        {(state === "running" || state === "queued" || state === "waiting") && (
          <Act icon="pause" label={t("file.pause")} onClick={() => transfer.pause()} />
        )}
        {state === "paused" && !transfer.needsFile.value && (
          <Act icon="play" label={t("file.resume")} onClick={() => transfer.resume()} />
        )}
        {state === "failed" && <Act icon="retry" label={t("file.retry")} onClick={() => transfer.retry()} />}
        <Act icon="close" label={t("file.cancel")} onClick={() => transfer.cancel()} />
      </div>
    </li>
  )
}

/** What stopped a file, in a sentence: names of the server's problems and of the browser's exceptions. */
export function errorWords(error: string): string {
  switch (error) {
    case "too-large":
    case "session-full":
    case "server-full":
    case "session-ended":
    case "not-authorised":
    case "not-found":
      return t(`file.error.${error}`)
    case "NotReadableError":
    case "NotFoundError":
      return t("file.error.unreadable")
    case "Interrupted":
    case "AbortError":
      return t("file.error.interrupted")
    case "QuotaExceededError":
      return t("file.error.disk-full")
    case "CannotOpen":
    case "Malformed":
    case "Refused":
      return t("file.error.not-ours")
    default:
      return t("file.error.other")
  }
}

function Act({ icon, label, onClick }: { icon: "pause" | "play" | "retry" | "close"; label: string; onClick: () => void }) {
  return (
    <button type="button" class="button bare square" aria-label={label} title={label} onClick={onClick}>
      <Icon name={icon} />
    </button>
  )
}

/** After a reload the browser gives the file only if the person chooses it again. */
function NeedsFile({ transfer }: { transfer: Transfer }) {
  return (
    <div class="needs-file">
      <p class="small">{t("file.needs")}</p>
      <ChooseFiles label={t("file.choose")} onFiles={([file]) => file && transfer.provideFile(file)} />
    </div>
  )
}

function ChooseFiles({ label, onFiles }: { label: string; onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        hidden
        aria-label={label}
        onChange={(event) => {
          onFiles([...(event.currentTarget.files ?? [])])
          event.currentTarget.value = ""
        }}
      />
      <button type="button" class="button" onClick={() => input.current?.click()}>
        {label}
      </button>
    </>
  )
}

export function AttachButton({ session }: { session: Session }) {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label={t("chat.attach")}
        onChange={(event) => {
          sendFiles(session, [...(event.currentTarget.files ?? [])])
          event.currentTarget.value = ""
        }}
      />
      <button
        type="button"
        class="button bare square"
        aria-label={t("chat.attach")}
        title={t("chat.attach")}
        onClick={() => input.current?.click()}
      >
        <Icon name="attach" />
      </button>
    </>
  )
}

const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false

/** Takes files that are dropped anywhere on the page, and keeps the browser from opening them instead. */
export function DropAnywhere({ session, enabled }: { session: Session; enabled: boolean }) {
  const [over, setOver] = useState(false)
  useEffect(() => {
    let depth = 0
    const enter = (event: DragEvent): void => {
      if (!carriesFiles(event)) return
      depth++
      setOver(enabled)
    }
    const leave = (event: DragEvent): void => {
      if (!carriesFiles(event)) return
      depth = Math.max(0, depth - 1)
      if (depth === 0) setOver(false)
    }
    const hover = (event: DragEvent): void => {
      if (!carriesFiles(event)) return
      event.preventDefault()
      if (event.dataTransfer) event.dataTransfer.dropEffect = enabled ? "copy" : "none"
    }
    const drop = (event: DragEvent): void => {
      if (!carriesFiles(event)) return
      event.preventDefault()
      depth = 0
      setOver(false)
      if (enabled) sendFiles(session, droppedFiles(event))
    }
    const listeners = { dragenter: enter, dragleave: leave, dragover: hover, drop }
    for (const [type, listener] of Object.entries(listeners))
      window.addEventListener(type as keyof typeof listeners, listener)
    return () => {
      for (const [type, listener] of Object.entries(listeners))
        window.removeEventListener(type as keyof typeof listeners, listener)
    }
  }, [session, enabled])
  return over ? (
    <div class="drop-here">
      <p>
        <Icon name="attach" />
        {t("file.drop")}
      </p>
    </div>
  ) : null
}

function droppedFiles(event: DragEvent): File[] {
  const items = [...(event.dataTransfer?.items ?? [])].filter(({ kind }) => kind === "file")
  const folders = items.filter((item) => item.webkitGetAsEntry()?.isDirectory)
  if (folders.length > 0) notify(t("file.folder"))
  return items
    .filter((item) => !folders.includes(item))
    .map((item) => item.getAsFile())
    .filter((file) => file !== null)
}
