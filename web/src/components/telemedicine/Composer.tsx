import { useSignal, type Signal } from "@preact/signals"
import { type ComponentChildren, type RefObject } from "preact"
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Session, type TextItem } from "../../lib/session/types"
import { Icon, type IconName } from "../Icon"
import { notify, sentence } from "../notices"
import { lastOwnText, type LivingItem } from "./deeds"
import { CaptureButtons } from "./capture/CaptureButtons"
import { AttachButton, sendFiles } from "./FileTransfer"
import { authorName, gistOf } from "./Quote"

interface Props {
  session: Session
  reply: Signal<LivingItem | undefined>
  /** The own message that is written anew; what was being written waits meanwhile. */
  editing: Signal<TextItem | undefined>
  field: RefObject<HTMLTextAreaElement | null>
  onSent: () => void
}

/** Bytes of UTF-8 that one message may have (docs/protocol.md §5.2). */
const longest = 16384
/** The others are told of typing at most this often, ms. */
const typingPause = 3000

/** The place to write. What stands in it survives a reload. */
export function Composer({ session, reply, editing, field, onSent }: Props) {
  const label = useId()
  const text = useSignal("")
  const told = useRef(0)
  const composing = useRef(false)
  useDraft(session, text)
  useEditing(editing, text, session, field)
  useLayoutEffect(() => grow(field.current), [text.value])

  const write = (value: string): void => {
    text.value = value
    if (!editing.value) session.draft.write(value)
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
    if (editing.value) {
      await edit(editing.value, written)
      return
    }
    const answered = reply.value
    write("")
    reply.value = undefined
    told.current = 0
    onSent()
    field.current?.focus()
    try {
      await session.sendText(written, answered?.message)
    } catch (error) {
      notify(sentence(error))
      if (text.value !== "") return
      write(written)
      reply.value = answered
    }
  }

  const edit = async (item: TextItem, written: string): Promise<void> => {
    editing.value = undefined
    try {
      await session.edit(item, written)
    } catch (error) {
      notify(sentence(error))
      editing.value = { ...item, text: written }
    }
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    // Enter chooses a word while an input method is composing; only a plain one sends.
    if (event.shiftKey || event.isComposing || composing.current) return
    if (event.key === "Enter") void send()
    else if (event.key === "Escape" && (editing.value || reply.value)) editing.value = reply.value = undefined
    else if (event.key === "ArrowUp" && text.value === "" && !reply.value && !editing.value) {
      editing.value = lastOwnText(session.timeline.value)
    } else return
    event.preventDefault()
  }

  return (
    <div class="composer">
      <Typing names={session.typing.value} />
      {reply.value && (
        <About
          icon="reply"
          title={<Words k="chat.replyTo" name={authorName(reply.value)} />}
          text={gistOf(reply.value)}
          cancel={t("chat.replyCancel")}
          onCancel={() => void (reply.value = undefined)}
        />
      )}
      {editing.value && (
        <About
          icon="edit"
          title={t("chat.editing")}
          text={editing.value.text}
          cancel={t("chat.editCancel")}
          onCancel={() => void (editing.value = undefined)}
        />
      )}
      <form
        class="write"
        onSubmit={(event) => {
          event.preventDefault()
          void send()
        }}
      >
        <div class="adds">
          <AttachButton session={session} />
          <CaptureButtons transfers={session.transfers} />
        </div>
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
          onKeyDown={onKeyDown}
          onCompositionStart={() => void (composing.current = true)}
          // Safari ends the composition before the key that ended it.
          onCompositionEnd={() => setTimeout(() => (composing.current = false))}
          onPaste={(event) => {
            const files = [...(event.clipboardData?.files ?? [])]
            if (files.length === 0) return
            event.preventDefault()
            sendFiles(session, files)
          }}
        />
        <button type="submit" class="button primary" disabled={text.value.trim() === ""}>
          <Icon name={editing.value ? "tick" : "send"} />
          <span class="label">{t(editing.value ? "chat.save" : "chat.send")}</span>
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

/** While an own message is written anew its text stands in the field; after it, what stood there before. */
function useEditing(
  editing: Signal<TextItem | undefined>,
  text: Signal<string>,
  session: Session,
  field: RefObject<HTMLTextAreaElement | null>,
): void {
  const item = editing.value
  // Before the next key: what is typed at once would be written over.
  useLayoutEffect(() => {
    if (!item) return
    text.value = item.text
    field.current?.focus()
    return () => {
      text.value = ""
      void session.draft.read().then(
        (kept) => {
          if (text.peek() === "" && !editing.peek()) text.value = kept
        },
        () => undefined,
      )
    }
  }, [item])
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

interface AboutProps {
  icon: IconName
  title: ComponentChildren
  text: string
  cancel: string
  onCancel: () => void
}

/** What is being answered or written anew. */
function About({ icon, title, text, cancel, onCancel }: AboutProps) {
  return (
    <div class="reply-to">
      <Icon name={icon} />
      <p>
        <span class="name">{title}</span>
        <span class="quiet one-line" dir="auto">
          {text}
        </span>
      </p>
      <button type="button" class="button bare square" aria-label={cancel} onClick={onCancel}>
        <Icon name="close" />
      </button>
    </div>
  )
}
