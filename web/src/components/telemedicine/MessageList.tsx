import { useSignal, type Signal } from "@preact/signals"
import { type RefObject } from "preact"
import { useMemo } from "preact/hooks"
import { dayName } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type Session } from "../../lib/session/types"
import { Icon } from "../Icon"
import { type Deeds, type MessageItem } from "./deeds"
import { EventLine } from "./EventLine"
import { Message } from "./Message"
import { useReadingWindow } from "./readingWindow"
import { type Row } from "./timeline"

interface Props {
  session: Session
  rows: readonly Row[]
  active: boolean
  /** Told whether the latest message is in sight. */
  atEnd: Signal<boolean>
  deeds: Deeds
  /** What is searched for. */
  found: string
  /** Where the list puts the way to show a message by its key. */
  jump: RefObject<(key: string, focus: boolean) => void>
}

/** A message that was jumped to is marked this long, ms. */
const marks = 2500

/** The timeline. Only a window of it is in the document, so that ten thousand messages scroll as ten do. */
export function MessageList({ session, rows, active, atEnd, deeds, found, jump }: Props) {
  const { scroller, shown, hidden, toLatest, show } = useReadingWindow(rows, active, atEnd)
  const quotes = useQuotes(rows)
  const focus = useSignal<string | undefined>(undefined)
  const messages = shown.filter((row) => row.kind === "message")
  const focusable = messages.some(({ key }) => key === focus.value) ? focus.value : messages.at(-1)?.key
  const now = Date.now()
  const marked = useSignal<string | undefined>(undefined)

  const focusRow = (key: string): void =>
    void requestAnimationFrame(() =>
      scroller.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"]`)?.focus({ preventScroll: true }),
    )
  jump.current = (key, focused) => {
    if (!show(key)) return
    marked.value = key
    setTimeout(() => {
      if (marked.value === key) marked.value = undefined
    }, marks)
    if (focused) focusRow(key)
  }

  const moveFocus = (event: KeyboardEvent): void => {
    if (!(event.target instanceof HTMLElement) || !event.target.matches(".message")) return
    const list = [...event.currentTarget instanceof Element ? event.currentTarget.querySelectorAll<HTMLElement>(".message") : []]
    const at = list.indexOf(event.target)
    const far = rows.filter(({ kind }) => kind === "message")
    const end = event.key === "Home" ? far[0] : event.key === "End" ? far.at(-1) : undefined
    if (end) {
      event.preventDefault()
      if (event.key === "End") toLatest()
      else show(end.key)
      focusRow(end.key)
      return
    }
    const moves: Record<string, number> = { ArrowUp: at - 1, ArrowDown: at + 1 }
    const next = list[moves[event.key] ?? -1]
    if (!next) return
    event.preventDefault()
    next.focus()
  }

  return (
    <div class="timeline">
      <div class="scroller" ref={scroller} tabIndex={rows.length > 0 ? 0 : -1} role="region" aria-label={t("chat.list")}>
        <ol class="rows" onKeyDown={moveFocus}>
          {shown.map((row) => {
            switch (row.kind) {
              case "day":
                return (
                  <li key={row.key} data-row={row.key} class="day">
                    <h2>{dayName(row.at, now)}</h2>
                  </li>
                )
              case "new":
                return (
                  <li key={row.key} data-row={row.key} class="new-line">
                    <span>{t("chat.new")}</span>
                  </li>
                )
              case "event":
                return <EventLine key={row.key} row={row} />
              case "message":
                return (
                  <Message
                    key={row.key}
                    row={row}
                    session={session}
                    quote={"reply" in row.item && row.item.reply ? (quotes.get(row.item.reply) ?? null) : undefined}
                    focusable={row.key === focusable}
                    onFocus={() => void (focus.value = row.key)}
                    found={found}
                    marked={row.key === marked.value}
                    deeds={deeds}
                    onJump={(key) => jump.current(key, true)}
                  />
                )
            }
          })}
        </ol>
      </div>
      {!atEnd.value && rows.length > 0 && (
        <button type="button" class="button to-latest" onClick={toLatest}>
          <Icon name="down" />
          {hidden > 0 ? t("chat.latestNew", { count: hidden }) : t("chat.latest")}
        </button>
      )}
    </div>
  )
}

/** Messages by message id, for quoting in replies: the first of the log, whoever copies its id (docs/protocol.md §5.2). */
function useQuotes(rows: readonly Row[]): ReadonlyMap<string, MessageItem> {
  return useMemo(() => {
    const quotes = new Map<string, MessageItem>()
    for (const row of rows) {
      if (row.kind === "message" && !quotes.has(row.item.message)) quotes.set(row.item.message, row.item)
    }
    return quotes
  }, [rows])
}
