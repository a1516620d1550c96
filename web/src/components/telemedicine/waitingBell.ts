/** Somebody waits: a soft sound once, words for screen readers, and a notification where it was asked for. */
import { signal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { type Waiting } from "../../lib/session/types"
import { announce } from "../notices"
import { chime } from "./sounds"

export const nameOfWaiting = ({ name, label, besides }: Waiting): string =>
  name || besides || label || t("waiting.somebody")

export const sentenceOf = ({ asks, besides }: Waiting): "waiting.one" | "waiting.asks" | "waiting.asksSecond" =>
  !asks ? "waiting.one" : besides ? "waiting.asksSecond" : "waiting.asks"

const allowed = "Notification" in globalThis ? Notification.permission : "denied"
/** Whether the browser may still be asked for notifications; never without a click. */
export const mayAskToNotify = signal(allowed === "default")

export async function askToNotify(): Promise<void> {
  await Notification.requestPermission()
  mayAskToNotify.value = false
}

/** Tells of everybody who is new among those who wait. */
export function useWaitingBell(waiting: readonly Waiting[]): void {
  const told = useRef<ReadonlySet<string>>(new Set())
  useEffect(() => {
    const fresh = waiting.filter(({ key }) => !told.current.has(key))
    told.current = new Set([...told.current, ...waiting.map(({ key }) => key)])
    if (fresh.length === 0) return
    chime()
    for (const each of fresh) {
      const words = t(sentenceOf(each), { name: nameOfWaiting(each) })
      announce(words)
      showOutside(words, each.key)
    }
  }, [waiting])
}

/** A notification, when the page is not in front. Some phones allow them to service workers only. */
function showOutside(words: string, tag: string): void {
  if (!document.hidden || !("Notification" in globalThis) || Notification.permission !== "granted") return
  try {
    const shown = new Notification(words, { tag, icon: "/favicon.svg" })
    shown.onclick = () => {
      focus()
      shown.close()
    }
  } catch {
    // The title and the icon of the tab tell it too.
  }
}
