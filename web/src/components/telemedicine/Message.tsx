import { fullTime, timeOfDay } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type SendState, type Session } from "../../lib/session/types"
import { Icon, type IconName } from "../Icon"
import { type Deeds, type MessageItem, openFor } from "./deeds"
import { FileMessage } from "./FileMessage"
import { clinicians, lookalike } from "./lookalike"
import { useLongPress } from "./longPress"
import { MessageText } from "./MessageText"
import { Quote } from "./Quote"
import { Reactions } from "./Reactions"
import { type Row } from "./timeline"

interface Props {
  row: Extract<Row, { kind: "message" }>
  session: Session
  /** What it replies to; null when that is not on this device. */
  quote: MessageItem | null | undefined
  focusable: boolean
  /** What is searched for. */
  found: string
  /** Just jumped to. */
  marked: boolean
  deeds: Deeds
  onFocus: () => void
  onJump: (key: string) => void
}

/** One message: who, what, and for own ones how far it got. */
export function Message({ row, session, quote, focusable, found, marked, deeds, onFocus, onJump }: Props) {
  const { item, key, first, last } = row
  const own = item.sender?.self !== false
  const name = item.sender?.name ?? t("somebody")
  const impostor = !own && item.sender?.role === "guest" && lookalike(name, clinicians(session))
  const writable = session.phase.value.kind === "joined"
  const open = openFor(item, writable)
  const { living } = open
  const menu = (anchor: Element | null): void => {
    if (living && anchor && (open.copy || open.react)) deeds.menu(living, anchor)
  }
  const press = useLongPress(() => menu(document.querySelector(`[data-row="${CSS.escape(key)}"] .bubble`)))
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }): void => {
    const asks = event.key === "Enter" || event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)
    if (!asks || event.target !== event.currentTarget) return
    event.preventDefault()
    menu(event.currentTarget.querySelector(".bubble"))
  }
  return (
    <li
      class={`message ${own ? "own" : "other"}${first ? " first" : ""}${last ? " last" : ""}${marked ? " marked" : ""}`}
      data-row={key}
      data-state={item.state}
      tabIndex={focusable ? 0 : -1}
      onFocus={onFocus}
      onKeyDown={onKeyDown}
    >
      {first && (
        <p class="who">
          {item.sender?.role === "host" && !own && <span class="quiet">{t("role.host")}</span>}
          {impostor && (
            <>
              <span class="quiet">{t("role.guest")}</span>
              <span class="badge bad">{t("identity.lookalike")}</span>
            </>
          )}
          <bdi class="name">{own ? t("call.you") : name}</bdi>
          <time class="quiet" dateTime={new Date(item.at).toISOString()} title={fullTime(item.at)}>
            {timeOfDay(item.at)}
          </time>
        </p>
      )}
      <div class="line">
        <div class={`bubble ${item.kind}`} {...press}>
          {quote !== undefined && <Quote item={quote} focusable={focusable} onJump={onJump} />}
          <Body item={item} session={session} found={found} />
        </div>
        {living && (
          <Acts
            focusable={focusable}
            onReact={open.react ? (anchor) => deeds.menu(living, anchor, "reactions") : undefined}
            onReply={open.reply ? () => deeds.reply(living) : undefined}
            onMore={open.copy || open.react ? (anchor) => deeds.menu(living, anchor) : undefined}
          />
        )}
      </div>
      {living?.reactions && (
        <Reactions
          reactions={living.reactions}
          focusable={focusable}
          onReact={open.react ? (emoji) => deeds.react(living, emoji) : undefined}
        />
      )}
      {own && item.state && (last || !settled.has(item.state)) && (
        <State
          state={item.state}
          full={item.full}
          onRetry={writable ? () => session.retry(key) : undefined}
          onDelete={() => session.discard(key)}
        />
      )}
    </li>
  )
}

function Body({ item, session, found }: { item: MessageItem; session: Session; found: string }) {
  if (item.kind === "withdrawn") return <p class="quiet">{t(`chat.withdrawn.${item.was}`)}</p>
  if (item.kind === "file") return <FileMessage item={item} session={session} />
  return (
    <>
      {item.kind === "note" && <p class="small quiet">{t("chat.note")}</p>}
      <MessageText text={item.text} found={found} />
      {item.edited && <p class="edited small quiet">{t("chat.edited")}</p>}
    </>
  )
}

interface ActsProps {
  /** Whether the tab key stops here: only at the message that has the focus, not at hundreds. */
  focusable: boolean
  onReact: ((anchor: Element) => void) | undefined
  onReply: (() => void) | undefined
  onMore: ((anchor: Element) => void) | undefined
}

function Acts({ focusable, onReact, onReply, onMore }: ActsProps) {
  const act = (icon: IconName, label: string, run: (anchor: Element) => void, menu = false) => (
    <button
      type="button"
      class="button bare square"
      aria-label={label}
      title={label}
      {...(menu ? { "aria-haspopup": "menu" as const } : {})}
      tabIndex={focusable ? 0 : -1}
      onClick={(event) => run(event.currentTarget)}
    >
      <Icon name={icon} />
    </button>
  )
  return (
    <div class="acts">
      {onReact && act("react", t("chat.react"), onReact, true)}
      {onReply && act("reply", t("chat.reply"), onReply)}
      {onMore && act("menu", t("chat.actions"), onMore, true)}
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

interface StateProps {
  state: SendState
  full: MessageItem["full"]
  /** Where it could still go out. */
  onRetry: (() => void) | undefined
  onDelete: () => void
}

function State({ state, full, onRetry, onDelete }: StateProps) {
  return (
    <div class={`send-state ${state}`}>
      <span class="row">
        <Icon name={stateIcons[state]} />
        {t(`state.${state}`)}
      </span>
      {state === "failed" && full && <p>{t(full === "session" ? "chat.full" : "file.error.server-full")}</p>}
      {state === "failed" && (
        <span class="row">
          {onRetry && (
            <button type="button" class="button bare" onClick={onRetry}>
              {t("chat.retry")}
            </button>
          )}
          <button type="button" class="button bare warn" onClick={onDelete}>
            {t("action.delete")}
          </button>
        </span>
      )}
    </div>
  )
}
