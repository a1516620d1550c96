import { useSignal, type Signal } from "@preact/signals"
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Session, type TextItem } from "../../lib/session/types"
import { Confirm } from "../Dialog"
import { later } from "../later"
import { attempt, copy } from "../notices"
import { Composer } from "./Composer"
import { type Deeds, type LivingItem } from "./deeds"
import { FileTransfer } from "./FileTransfer"
import { MessageList } from "./MessageList"
import { isOthers, lastSeq, rowsOf } from "./timeline"
import { useVisible } from "./visibility"
import "./chat.css"

const ChatSearch = later(() => import("./ChatSearch"))
const SaveAll = later(() => import("./SaveAll"))
const MessageMenu = later(() => import("./MessageMenu"))

interface Props {
  session: Session
  /** Whether the panel is the one that is shown. */
  active: boolean
  searching: Signal<boolean>
}

/** Everything written and sent in a visit, and the place to write. */
export function ChatPanel({ session, active, searching }: Props) {
  const reply = useSignal<LivingItem | undefined>(undefined)
  const editing = useSignal<TextItem | undefined>(undefined)
  const menu = useSignal<{ item: LivingItem; anchor: Element; only: "reactions" | undefined } | undefined>(undefined)
  const withdrawing = useSignal<LivingItem | undefined>(undefined)
  const found = useSignal("")
  const atEnd = useSignal(true)
  const jump = useRef<(key: string, focus: boolean) => void>(() => undefined)
  const timeline = session.timeline.value
  const newAfter = useNewLine(session, active, atEnd)
  const rows = useMemo(() => rowsOf(timeline, newAfter.value), [timeline, newAfter.value])
  const writable = session.phase.value.kind === "joined"
  const field = useRef<HTMLTextAreaElement>(null)
  const showLater = useCallback((key: string) => jump.current(key, false), [])
  const deeds = useMemo<Deeds>(
    () => ({
      reply: (item) => {
        editing.value = undefined
        reply.value = item
        // At once, within the click: telephones show their keyboard only then.
        field.current?.focus()
      },
      edit: (item) => {
        reply.value = undefined
        editing.value = item
        field.current?.focus()
      },
      withdraw: (item) => void (withdrawing.value = item),
      react: (item, emoji) => void attempt(() => session.react(item, emoji)),
      copy: (item) => void copy(item.text),
      menu: (item, anchor, only) => void (menu.value = { item, anchor, only }),
    }),
    [session],
  )
  return (
    <section class="chat" aria-label={t("chat.title")}>
      {searching.value && (
        <ChatSearch timeline={timeline} words={found} onShow={showLater} onClose={() => void (searching.value = false)} />
      )}
      <HistoryRequests session={session} />
      {timeline.filter(({ kind }) => kind === "file").length > 1 && <SaveAll session={session} />}
      {timeline.length === 0 && <p class="chat-empty quiet">{t("chat.empty")}</p>}
      <MessageList session={session} rows={rows} active={active} atEnd={atEnd} deeds={deeds} found={found.value} jump={jump} />
      <FileTransfer transfers={session.transfers} />
      {writable ? (
        <Composer
          session={session}
          reply={reply}
          editing={editing}
          field={field}
          onSent={() => {
            newAfter.value = undefined
            atEnd.value = true
          }}
        />
      ) : (
        <p class="chat-closed quiet">{t("chat.cannot")}</p>
      )}
      {menu.value && <MessageMenu {...menu.value} writable={writable} deeds={deeds} onClose={() => void (menu.value = undefined)} />}
      {withdrawing.value && (
        <Withdrawing session={session} item={withdrawing.value} onClose={() => void (withdrawing.value = undefined)} />
      )}
    </section>
  )
}

function Withdrawing({ session, item, onClose }: { session: Session; item: LivingItem; onClose: () => void }) {
  return (
    <Confirm
      title={t(`chat.withdraw.title.${item.kind === "file" ? "file" : "text"}`)}
      text={t("chat.withdraw.explain")}
      confirm={t("chat.withdraw")}
      onConfirm={() => void attempt(() => session.withdraw(item))}
      onClose={onClose}
    />
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

