import { useSignal, type Signal } from "@preact/signals"
import { useEffect, useMemo, useRef } from "preact/hooks"
import { number, t } from "../../i18n/index"
import { type TimelineItem } from "../../lib/session/types"
import { Icon } from "../Icon"
import { search } from "./search"

interface Props {
  timeline: readonly TimelineItem[]
  /** What is looked for, so that the messages can mark it. */
  words: Signal<string>
  onShow: (key: string) => void
  onClose: () => void
}

/** Looks for words in what is on this device, from the newest to the oldest. */
export default function ChatSearch({ timeline, words, onShow, onClose }: Props) {
  const field = useRef<HTMLInputElement>(null)
  const results = useMemo(() => search(timeline, words.value), [timeline, words.value])
  const current = useSignal<string | undefined>(undefined)
  const at = current.value === undefined ? -1 : results.indexOf(current.value)
  useEffect(() => field.current?.focus(), [])
  useEffect(() => () => void (words.value = ""), [])

  const show = (place: number): void => {
    const key = results[place]
    if (key === undefined) return
    current.value = key
    onShow(key)
  }
  const write = (value: string): void => {
    words.value = value
    const newest = search(timeline, value).at(-1)
    current.value = newest
    if (newest !== undefined) onShow(newest)
  }
  const keys: Record<string, () => void> = {
    Escape: onClose,
    ArrowUp: () => show(at - 1),
    ArrowDown: () => show(at + 1),
  }
  const walk = (event: KeyboardEvent): void => {
    const act = event.key === "Enter" ? keys[event.shiftKey ? "ArrowDown" : "ArrowUp"] : keys[event.key]
    if (!act || event.isComposing) return
    event.preventDefault()
    act()
  }

  return (
    <div class="chat-search" role="search" aria-label={t("chat.search")}>
      <input
        ref={field}
        class="input"
        type="search"
        dir="auto"
        aria-label={t("chat.search")}
        placeholder={t("chat.search.hint")}
        enterkeyhint="search"
        value={words.value}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={walk}
      />
      <output class="small quiet" aria-live="polite">
        {words.value.trim() === ""
          ? ""
          : results.length === 0
            ? t("chat.search.none")
            : t("chat.search.count", { at: number(results.length - Math.max(0, at)), count: results.length })}
      </output>
      <button type="button" class="button bare square" aria-label={t("chat.search.older")} title={t("chat.search.older")} disabled={at <= 0} onClick={() => show(at - 1)}>
        <Icon name="up" />
      </button>
      <button
        type="button"
        class="button bare square"
        aria-label={t("chat.search.newer")}
        title={t("chat.search.newer")}
        disabled={at < 0 || at === results.length - 1}
        onClick={() => show(at + 1)}
      >
        <Icon name="down" />
      </button>
      <button type="button" class="button bare square" aria-label={t("chat.search.close")} onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  )
}
