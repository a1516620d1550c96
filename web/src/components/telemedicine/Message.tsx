import { type JSX } from "preact"
import { fullTime, timeOfDay } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type SendState, type Session, type TextItem } from "../../lib/session/types"
import { Icon, type IconName } from "../Icon"
import { copy } from "../notices"
import { FileMessage } from "./FileMessage"
import { linkify } from "./linkify"
import { type Row } from "./timeline"

interface Props {
  row: Extract<Row, { kind: "message" }>
  session: Session
  /** What it replies to; null when that is not on this device. */
  quote: TextItem | null | undefined
  focusable: boolean
  onFocus: () => void
  onReply: (item: TextItem) => void
}

/** One message: who, what, and for own ones how far it got. */
export function Message({ row: { item, key, first, last }, session, quote, focusable, onFocus, onReply }: Props) {
  const own = item.sender?.self !== false
  const name = item.sender?.name ?? t("somebody")
  const writable = session.phase.value.kind === "joined"
  return (
    <li
      class={`message ${own ? "own" : "other"}${first ? " first" : ""}${last ? " last" : ""}`}
      data-row={key}
      data-state={item.state}
      tabIndex={focusable ? 0 : -1}
      onFocus={onFocus}
    >
      {first && (
        <p class="who">
          <bdi class="name">{own ? t("call.you") : name}</bdi>
          {item.sender?.role === "host" && !own && <span class="quiet">{t("role.host")}</span>}
          <time class="quiet" dateTime={new Date(item.at).toISOString()} title={fullTime(item.at)}>
            {timeOfDay(item.at)}
          </time>
        </p>
      )}
      <div class="line">
        <div class={`bubble ${item.kind}`}>
          {quote !== undefined && <Quote item={quote} />}
          {item.kind === "note" && <p class="small quiet">{t("chat.note")}</p>}
          {item.kind === "file" ? <FileMessage file={item.file} session={session} /> : <Text text={item.text} />}
        </div>
        {item.kind !== "file" && (
          <Acts item={item} focusable={focusable} {...(writable && item.seq !== undefined ? { onReply } : {})} />
        )}
      </div>
      {own && item.state && (last || !settled.has(item.state)) && (
        <State state={item.state} onRetry={() => session.retry(key)} onDelete={() => session.discard(key)} />
      )}
    </li>
  )
}

interface ActsProps {
  item: TextItem
  /** Whether the tab key stops here: only at the message that has the focus, not at hundreds. */
  focusable: boolean
  onReply?: (item: TextItem) => void
}

function Acts({ item, focusable, onReply }: ActsProps) {
  const act = (icon: IconName, label: string, run: () => void) => (
    <button
      type="button"
      class="button bare square"
      aria-label={label}
      title={label}
      tabIndex={focusable ? 0 : -1}
      onClick={run}
    >
      <Icon name={icon} />
    </button>
  )
  return (
    <div class="acts">
      {act("copy", t("action.copy"), () => void copy(item.text))}
      {onReply && act("reply", t("chat.reply"), () => onReply(item))}
    </div>
  )
}

const settled: ReadonlySet<SendState> = new Set(["sent", "delivered", "seen"])
const stateIcons: Record<SendState, IconName> = {
  waiting: "clock",
  sending: "clock",
  sent: "tick",
  delivered: "ticks",
  seen: "ticks",
  failed: "alarm",
}

function State({ state, onRetry, onDelete }: { state: SendState; onRetry: () => void; onDelete: () => void }) {
  return (
    <div class={`send-state ${state}`}>
      <span class="row">
        <Icon name={stateIcons[state]} />
        {t(`state.${state}`)}
      </span>
      {state === "failed" && (
        <span class="row">
          <button type="button" class="button bare" onClick={onRetry}>
            {t("chat.retry")}
          </button>
          <button type="button" class="button bare warn" onClick={onDelete}>
            {t("action.delete")}
          </button>
        </span>
      )}
    </div>
  )
}

/** Text as text, each paragraph in its own direction; only web addresses become links. */
function Text({ text }: { text: string }): JSX.Element {
  return (
    <p class="text" dir="auto">
      {linkify(text).map((piece, i) =>
        piece.href === undefined ? (
          piece.text
        ) : (
          <a key={i} href={piece.href} target="_blank" rel="noopener noreferrer" dir="ltr">
            {piece.text}
          </a>
        ),
      )}
    </p>
  )
}

function Quote({ item }: { item: TextItem | null }) {
  return (
    <blockquote class="quote">
      {item === null ? (
        t("chat.replyGone")
      ) : (
        <>
          <bdi class="name">{item.sender?.self ? t("call.you") : (item.sender?.name ?? t("somebody"))}</bdi>
          <span dir="auto">{item.text}</span>
        </>
      )}
    </blockquote>
  )
}
