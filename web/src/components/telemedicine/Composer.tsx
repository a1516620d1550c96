import { useSignal, type Signal } from "@preact/signals"
import { type RefObject } from "preact"
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Session, type TextItem } from "../../lib/session/types"
import { Icon } from "../Icon"
import { notify, sentence } from "../notices"
import { AttachButton, sendFiles } from "./FileTransfer"

interface Props {
  session: Session
  reply: Signal<TextItem | undefined>
  field: RefObject<HTMLTextAreaElement | null>
  onSent: () => void
}

/** Bytes of UTF-8 that one message may have (docs/protocol.md §5.2). */
const longest = 16384
/** The others are told of typing at most this often, ms. */
const typingPause = 3000

/** The place to write. What stands in it survives a reload. */
export function Composer({ session, reply, field, onSent }: Props) {
  const label = useId()
  const text = useSignal("")
  const told = useRef(0)
  const composing = useRef(false)
  useDraft(session, text)
  useLayoutEffect(() => grow(field.current), [text.value])

  const write = (value: string): void => {
    text.value = value
    session.draft.write(value)
    if (value === "" || Date.now() - told.current < typingPause) return
    told.current = Date.now()
    session.noteTyping()
  }

  const send = async (): Promise<void> => {
    const written = text.value.trim()
    if (written === "") return
    if (new TextEncoder().encode(written).length > longest) {
      notify(t("chat.tooLong"))
      return
    }
    const answered = reply.value
    write("")
    reply.value = undefined
    told.current = 0
    onSent()
    field.current?.focus()
    try {
      await session.sendText(written, answered?.key)
    } catch (error) {
      notify(sentence(error))
      if (text.value !== "") return
      write(written)
      reply.value = answered
    }
  }

  return (
    <div class="composer">
      <Typing names={session.typing.value} />
      {reply.value && <ReplyTo item={reply.value} onCancel={() => void (reply.value = undefined)} />}
      <form
        class="write"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <AttachButton transfers={session.transfers} />
        <label class="unseen" id={label} for={`${label}-field`}>
          {t("chat.message")}
        </label>
        <textarea
          ref={field}
          id={`${label}-field`}
          class="input"
          rows={1}
          dir="auto"
          value={text.value}
          placeholder={t("chat.placeholder")}
          enterkeyhint="send"
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={(event) => {
            // Enter chooses a word while an input method is composing; only a plain one sends.
            if (event.key !== "Enter" || event.shiftKey || event.isComposing || composing.current) return
            event.preventDefault()
            void send()
          }}
          onCompositionStart={() => void (composing.current = true)}
          // Safari ends the composition before the key that ended it.
          onCompositionEnd={() => setTimeout(() => (composing.current = false))}
          onPaste={(event) => {
            const files = [...(event.clipboardData?.files ?? [])]
            if (files.length === 0) return
            event.preventDefault()
            sendFiles(session.transfers, files)
          }}
        />
        <button type="submit" class="button primary" disabled={text.value.trim() === ""}>
          <Icon name="send" />
          <span class="label">{t("chat.send")}</span>
        </button>
      </form>
    </div>
  )
}

/** Puts the kept draft in, unless something was written meanwhile. */
function useDraft(session: Session, text: Signal<string>): void {
  useEffect(() => {
    void session.draft.read().then(
      (kept) => {
        if (text.peek() === "") text.value = kept
      },
      () => undefined,
    )
  }, [session])
}

function grow(field: HTMLTextAreaElement | null): void {
  if (!field) return
  field.style.blockSize = "auto"
  field.style.blockSize = `${field.scrollHeight + 2}px`
}

function Typing({ names: [first, second, ...more] }: { names: readonly string[] }) {
  return (
    <p class="typing quiet small">
      {first !== undefined &&
        (second === undefined ? (
          <Words k="chat.typing.one" name={first} />
        ) : more.length === 0 ? (
          <Words k="chat.typing.two" first={first} second={second} />
        ) : (
          <Words k="chat.typing.many" />
        ))}
    </p>
  )
}

function ReplyTo({ item, onCancel }: { item: TextItem; onCancel: () => void }) {
  return (
    <div class="reply-to">
      <Icon name="reply" />
      <p>
        <span class="name">
          <Words k="chat.replyTo" name={item.sender?.self ? t("call.you") : (item.sender?.name ?? t("somebody"))} />
        </span>
        <span class="quiet one-line" dir="auto">
          {item.text}
        </span>
      </p>
      <button type="button" class="button bare square" aria-label={t("chat.replyCancel")} onClick={onCancel}>
        <Icon name="close" />
      </button>
    </div>
  )
}
