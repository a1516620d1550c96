import { t } from "../../i18n/index"
import { type MessageItem } from "./deeds"

/** What a message is about, in one line. */
export function gistOf(item: MessageItem): string {
  if (item.kind === "withdrawn") return t(`chat.withdrawn.${item.was}`)
  return item.kind === "file" ? t("chat.file", { name: item.file.name }) : item.text
}

export function authorName(item: MessageItem): string {
  return item.sender?.self ? t("call.you") : (item.sender?.name ?? t("somebody"))
}

interface Props {
  /** Null when it is not on this device. */
  item: MessageItem | null
  focusable: boolean
  onJump: (key: string) => void
}

/** What a message replies to; leads there. */
export function Quote({ item, focusable, onJump }: Props) {
  if (item === null) return <p class="quote">{t("chat.replyGone")}</p>
  return (
    <button
      type="button"
      class="quote"
      title={t("chat.quoteJump")}
      tabIndex={focusable ? 0 : -1}
      onClick={() => onJump(item.key)}
    >
      <bdi class="name">{authorName(item)}</bdi>
      <span dir="auto">{gistOf(item)}</span>
    </button>
  )
}
