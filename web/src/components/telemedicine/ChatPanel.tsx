import { useSignal, type Signal } from "@preact/signals"
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Session, type TextItem } from "../../lib/session/types"
import { attempt } from "../notices"
import { Composer } from "./Composer"
import { FileTransfer } from "./FileTransfer"
import { MessageList } from "./MessageList"
import { isOthers, lastSeq, rowsOf } from "./timeline"
import { useVisible } from "./visibility"
import "./chat.css"

interface Props {
  session: Session
  /** Whether the panel is the one that is shown. */
  active: boolean
}

/** Everything written and sent in a visit, and the place to write. */
export function ChatPanel({ session, active }: Props) {
  const reply = useSignal<TextItem | undefined>(undefined)
  const atEnd = useSignal(true)
  const timeline = session.timeline.value
  const newAfter = useNewLine(session, active, atEnd)
  const rows = useMemo(() => rowsOf(timeline, newAfter.value), [timeline, newAfter.value])
  const writable = session.phase.value.kind === "joined"
  const field = useRef<HTMLTextAreaElement>(null)
  const onReply = useCallback((item: TextItem) => {
    reply.value = item
    // At once, within the click: telephones show their keyboard only then.
    field.current?.focus()
  }, [])
  return (
    <section class="chat" aria-label={t("chat.title")}>
      <HistoryRequests session={session} />
      {timeline.length === 0 && <p class="chat-empty quiet">{t("chat.empty")}</p>}
      <MessageList session={session} rows={rows} active={active} atEnd={atEnd} onReply={onReply} />
      <FileTransfer transfers={session.transfers} />
      {writable ? (
        <Composer
          session={session}
          reply={reply}
          field={field}
          onSent={() => {
            newAfter.value = undefined
            atEnd.value = true
          }}
        />
      ) : (
        <p class="chat-closed quiet">{t("chat.cannot")}</p>
      )}
    </section>
  )
}

/** Where the new-messages line stands: after what was seen when the person looked away or came. Marks as seen, too. */
function useNewLine(session: Session, active: boolean, atEnd: Signal<boolean>): Signal<number | undefined> {
  const visible = useVisible()
  const line = useSignal<number | undefined>(undefined)
  const looked = useRef(false)
  const timeline = session.timeline.value
  const looking = active && visible && atEnd.value
  useEffect(() => {
    const seen = session.seenUpTo.peek()
    const hasNew = timeline.some((item) => isOthers(item) && (item.seq ?? 0) > seen)
    // On arrival the line shows what came in the meantime, unless nothing had been seen at all.
    const arriving = !looked.current && seen > 0
    if (hasNew && line.peek() === undefined && (arriving || !looking)) line.value = seen
    if (timeline.length > 0) looked.current = true
  }, [timeline, looking])
  useEffect(() => {
    const seq = lastSeq(timeline)
    if (looking && seq > session.seenUpTo.peek()) session.markSeen(seq)
  }, [timeline, looking])
  return line
}

/** Somebody asks for what was written before they came. */
function HistoryRequests({ session }: { session: Session }) {
  return (
    <>
      {session.historyRequests.value.map((request) => (
        <div class="notice chat-notice" key={request.memberId}>
          <span />
          <p>
            <Words k={request.sameParticipant ? "history.askSame" : "history.ask"} name={request.name} />
          </p>
          <div class="row">
            <button
              type="button"
              class="button primary"
              onClick={() => void attempt(() => session.giveHistory(request.memberId))}
            >
              {t("history.give")}
            </button>
            <button type="button" class="button" onClick={() => session.declineHistory(request.memberId)}>
              {t("history.decline")}
            </button>
          </div>
        </div>
      ))}
    </>
  )
}

