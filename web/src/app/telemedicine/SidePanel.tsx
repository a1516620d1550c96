import { type Signal } from "@preact/signals"
import { type ComponentChildren } from "preact"
import { useMedia } from "../../components/telemedicine/visibility"
import { Icon } from "../../components/Icon"
import { ChatPanel } from "../../components/telemedicine/ChatPanel"
import { ParticipantList } from "../../components/telemedicine/ParticipantList"
import { SecurityCode } from "../../components/telemedicine/SecurityCode"
import { number, rightToLeft, t } from "../../i18n/index"
import { type Session } from "../../lib/session/types"

const tabs = ["chat", "participants", "security"] as const
export type Tab = (typeof tabs)[number]

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
  const chosen = tab.value

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
              onClick={() => void (tab.value = name)}
            >
              {t(`tab.${name}`)}
              {name === "chat" && unread > 0 && <span class="count">{number(unread)}</span>}
            </button>
          ))}
        </div>
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
        <ChatPanel session={session} active={open && chosen === "chat"} />
      </TabPanel>
      <TabPanel name="participants" chosen={chosen}>
        {chosen === "participants" && <ParticipantList session={session} />}
      </TabPanel>
      <TabPanel name="security" chosen={chosen}>
        {chosen === "security" && <SecurityCode session={session} />}
      </TabPanel>
    </section>
  )
}

function TabPanel({ name, chosen, children }: { name: Tab; chosen: Tab; children: ComponentChildren }) {
  return (
    <div class="tab-panel" role="tabpanel" id={`panel-${name}`} aria-labelledby={`tab-${name}`} hidden={name !== chosen}>
      {children}
    </div>
  )
}
