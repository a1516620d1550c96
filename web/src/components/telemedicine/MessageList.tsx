import { useSignal, type Signal } from "@preact/signals"
import { useMemo } from "preact/hooks"
import { dayName } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type Session, type TextItem } from "../../lib/session/types"
import { Icon } from "../Icon"
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
  onReply: (item: TextItem) => void
}

/** The timeline. Only a window of it is in the document, so that ten thousand messages scroll as ten do. */
export function MessageList({ session, rows, active, atEnd, onReply }: Props) {
  const { scroller, shown, hidden, toLatest } = useReadingWindow(rows, active, atEnd)
  const quotes = useQuotes(rows)
  const focus = useSignal<string | undefined>(undefined)
  const messages = shown.filter((row) => row.kind === "message")
  const focusable = messages.some(({ key }) => key === focus.value) ? focus.value : messages.at(-1)?.key
  const now = Date.now()

  const moveFocus = (event: KeyboardEvent): void => {
    if (!(event.target instanceof HTMLElement) || !event.target.matches(".message")) return
    const list = [...event.currentTarget instanceof Element ? event.currentTarget.querySelectorAll<HTMLElement>(".message") : []]
    const at = list.indexOf(event.target)
    const moves: Record<string, number> = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: list.length - 1 }
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
                    quote={row.item.kind !== "file" && row.item.reply ? (quotes.get(row.item.reply) ?? null) : undefined}
                    focusable={row.key === focusable}
                    onFocus={() => void (focus.value = row.key)}
                    onReply={onReply}
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

/** Texts by message id, for quoting in replies. */
function useQuotes(rows: readonly Row[]): ReadonlyMap<string, TextItem> {
  return useMemo(() => {
    const quotes = new Map<string, TextItem>()
    for (const row of rows) if (row.kind === "message" && row.item.kind !== "file") quotes.set(row.key, row.item)
    return quotes
  }, [rows])
}
