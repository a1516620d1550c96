import { type Signal, useSignal } from "@preact/signals"
import { type ComponentChildren } from "preact"
import { useEffect } from "preact/hooks"
import { useMedia } from "../../components/telemedicine/visibility"
import { useNotes } from "../useNotes"
import { later } from "../../components/later"
import { Icon, type IconName } from "../../components/Icon"
import { ChatPanel } from "../../components/telemedicine/ChatPanel"
import { SecurityCode } from "../../components/telemedicine/SecurityCode"
import { number, rightToLeft, t } from "../../i18n/index"
import { type Session } from "../../lib/session/types"

const ParticipantList = later(() => import("../../components/telemedicine/ParticipantList"))
const Notes = later(() => import("../../components/telemedicine/Notes"))

const forAll = ["chat", "participants", "security"] as const
export type Tab = (typeof forAll)[number] | "notes"
const icons: Record<Tab, IconName> = { chat: "chat", participants: "people", security: "seal", notes: "notes" }

interface Props {
  session: Session
  tab: Signal<Tab>
  unread: number
  /** Whether the sheet is open; undefined when the panel is always there. */
  sheet: Signal<boolean> | undefined
}

/** Chat, participants and security code beside the stage, or as a sheet under it. */
export function SidePanel({ session, tab, unread, sheet }: Props) {
  const wide = useMedia("(min-width: 900px)")
  const open = wide || sheet === undefined || sheet.value
  const host = session.self.value?.role === "host"
  const tabs: readonly Tab[] = host ? [...forAll, "notes"] : forAll
  const chosen = tab.value
  const searching = useSignal(false)
  const notes = useNotes()
  useEffect(() => ParticipantList.ahead(), [])

  const walk = (event: KeyboardEvent): void => {
    const rtl = rightToLeft()
    const steps: Record<string, number> = { ArrowRight: rtl ? -1 : 1, ArrowLeft: rtl ? 1 : -1 }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = tabs[(tabs.indexOf(chosen) + step + tabs.length) % tabs.length] ?? "chat"
    tab.value = next
    document.getElementById(`tab-${next}`)?.focus()
  }

  return (
    <section class="panel" aria-label={t("session.panel")} hidden={!open}>
      <div class="tabs">
        <div role="tablist" aria-label={t("session.panel")} onKeyDown={walk}>
          {tabs.map((name) => (
            <button
              key={name}
              type="button"
              role="tab"
              id={`tab-${name}`}
              aria-controls={`panel-${name}`}
              aria-selected={name === chosen}
              tabIndex={name === chosen ? 0 : -1}
              title={t(`tab.${name}`)}
              onClick={() => void (tab.value = name)}
            >
              <Icon name={icons[name]} />
              <span class="label">{t(`tab.${name}`)}</span>
              {name === "chat" && unread > 0 && <span class="count">{number(unread)}</span>}
            </button>
          ))}
        </div>
        {chosen === "chat" && session.timeline.value.length > 0 && (
          <button
            type="button"
            class="button bare square search-toggle"
            aria-label={t("chat.search")}
            title={t("chat.search")}
            aria-expanded={searching.value}
            onClick={() => void (searching.value = !searching.value)}
          >
            <Icon name="search" />
          </button>
        )}
        {!wide && sheet !== undefined && (
          <button
            type="button"
            class="button bare square"
            aria-label={t("sheet.close")}
            onClick={() => void (sheet.value = false)}
          >
            <Icon name="close" />
          </button>
        )}
      </div>
      <TabPanel name="chat" chosen={chosen}>
        <ChatPanel session={session} active={open && chosen === "chat"} searching={searching} />
      </TabPanel>
      <TabPanel name="participants" chosen={chosen}>
        {chosen === "participants" && <ParticipantList session={session} />}
      </TabPanel>
      {host && (
        <TabPanel name="notes" chosen={chosen}>
          {chosen === "notes" && notes && <Notes id={session.id} notes={notes} />}
        </TabPanel>
      )}
      <TabPanel name="security" chosen={chosen}>
        {chosen === "security" && <SecurityCode session={session} />}
      </TabPanel>
    </section>
  )
}

function TabPanel({ name, chosen, children }: { name: Tab; chosen: Tab; children: ComponentChildren }) {
  return (
    <div
      class="tab-panel"
      role="tabpanel"
      id={`panel-${name}`}
      aria-labelledby={`tab-${name}`}
      // There may be nothing in it that takes the focus, and it scrolls.
      tabIndex={name === "security" ? 0 : undefined}
      hidden={name !== chosen}
    >
      {children}
    </div>
  )
}
