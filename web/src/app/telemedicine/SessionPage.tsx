import { useSignal, type Signal } from "@preact/signals"
import { useEffect, useState } from "preact/hooks"
import { later } from "../../components/later"
import { WithinReach } from "../../components/modal"
import { notify } from "../../components/notices"
import { AlarmBanner } from "../../components/telemedicine/AlarmBanner"
import { doubtful, DropAnywhere } from "../../components/telemedicine/FileTransfer"
import { viewed } from "../../components/telemedicine/preview/viewing"
import { unreadCount } from "../../components/telemedicine/timeline"
import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { type CallLine, type Session } from "../../lib/session/types"
import { FailurePage } from "../FailurePage"
import { Loading, Page } from "../Page"
import { dropFragment, goTo } from "../route"
import { useServices } from "../services"
import { keepShell } from "../shell/keepShell"
import { useSpokenCall } from "./callLive"
import { useLive } from "./live"
import { callMedia } from "../preferences"
import { SessionHeader } from "./SessionHeader"
import { SidePanel, type Tab } from "./SidePanel"
import { inCall, readyForCall, Stage } from "./Stage"
import { useWakeLock } from "./wakeLock"
import "./session.css"

const SendQuestion = later(() => import("../../components/telemedicine/SendQuestion"))
const Viewer = later(() => import("../../components/telemedicine/preview/Viewer"))
const CallControls = later(() => import("../../components/telemedicine/CallControls"))
const KnockingPage = later(() => import("./KnockingPage"), () => <Loading />)
const WaitingBar = later(() => import("../../components/telemedicine/WaitingBar"))
const IncomingCall = later(() => import("../../components/telemedicine/IncomingCall"))

/** The visit. */
export default function SessionPage({ session, line }: { session: Session; line: CallLine }) {
  const phase = session.phase.value
  useEffect(() => {
    if (phase.kind === "joined") dropFragment()
  }, [phase.kind])
  useLeaveQuestion(session)
  useEffect(keepShell, [])
  switch (phase.kind) {
    case "loading":
    case "joining":
      return <Loading words={t("session.opening")} />
    case "waiting-for-door":
      return (
        <Page title={t("join.waiting.title")}>
          <p role="status">{t("join.waiting.text")}</p>
        </Page>
      )
    case "knocking":
      return <KnockingPage session={session} refused={phase.refused} since={phase.since} />
    case "failed":
      return <FailurePage reason={phase.reason} onAgain={() => location.reload()} />
    case "joined":
    case "removed":
    case "left":
    case "ended":
      return <Visit session={session} line={line} />
  }
}

function Visit({ session, line }: { session: Session; line: CallLine }) {
  const loaded = useCalls(session, line)
  const calls = loaded === "missing" ? undefined : loaded
  const tab = useSignal<Tab>("chat")
  const sheetOpen = useSignal(false)
  const calling = calls !== undefined && inCall(calls.state.value)
  const unread = unreadCount(session.timeline.value, session.seenUpTo.value)
  const open = session.phase.value.kind === "joined"
  useLive(session, calls, unread)
  useSpokenCall(calls)
  useReturn(calls)
  useWakeLock(calling)
  const ringing = calls?.state.value.kind === "ringing-in"
  useEffect(() => {
    if (!ringing) return
    readyForCall()
    CallControls.ahead()
  }, [ringing])

  return (
    <div class="visit" data-call={calling} data-sheet={sheetOpen.value}>
      <SessionHeader session={session} calls={calls} onDeleted={left} />
      <AlarmBanner session={session} />
      {session.waiting.value.length > 0 && <WaitingBar session={session} calling={calling} />}
      <main class="visit-main" id="main">
        <Stage session={session} calls={calls} callsMissing={loaded === "missing"} onDeleted={left} onWrite={() => openChat(tab, sheetOpen)} />
        <SidePanel session={session} tab={tab} unread={unread} sheet={calling ? sheetOpen : undefined} />
        {calling && (
          <CallControls
            calls={calls}
            relayOnly={session.line.relayOnly.value}
            unread={unread}
            onPanel={(wanted) => togglePanel(tab, sheetOpen, wanted)}
          />
        )}
      </main>
      {ringing && (
        <WithinReach>
          <IncomingCall calls={calls} onAnswer={() => answer(session, calls)} />
        </WithinReach>
      )}
      {viewed(session).value !== undefined && <Viewer session={session} />}
      {doubtful(session).value.length > 0 && <SendQuestion session={session} />}
      <DropAnywhere session={session} enabled={open} />
    </div>
  )
}

/** A file that fills the page gives way to the call. */
function answer(session: Session, calls: Calls): void {
  viewed(session).value = undefined
  void calls.answer(callMedia())
}

/** In a call on a narrow page the panel is a sheet: the same button opens and closes it. */
function togglePanel(tab: Signal<Tab>, sheetOpen: Signal<boolean>, wanted: Tab): void {
  sheetOpen.value = !(sheetOpen.value && tab.value === wanted)
  tab.value = wanted
  if (sheetOpen.value) requestAnimationFrame(() => document.getElementById(`tab-${wanted}`)?.focus())
}

function openChat(tab: Signal<Tab>, sheetOpen: Signal<boolean>): void {
  tab.value = "chat"
  sheetOpen.value = true
  requestAnimationFrame(() => document.querySelector<HTMLElement>("#panel-chat textarea")?.focus())
}

function left(): void {
  goTo("/")
  notify(t("end.deleted"))
}

/** Calls are loaded once the visit is open: to write must not wait for them. */
function useCalls(session: Session, line: CallLine): Calls | "missing" | undefined {
  const services = useServices()
  const [calls, setCalls] = useState<Calls | "missing">()
  const joined = session.phase.value.kind === "joined"
  useEffect(() => {
    if (!joined) return
    let made: Calls | undefined
    let gone = false
    services.calls(session, line).then(
      (ready) => {
        made = ready
        if (gone) ready.close()
        else setCalls(ready)
      },
      () => {
        if (!gone) setCalls("missing")
      },
    )
    return () => {
      gone = true
      made?.close()
      setCalls(undefined)
    }
  }, [session, joined])
  return calls
}

/** Back into the call that this page was in before it was loaded again, as it was left: who was muted or unseen stays so. */
function useReturn(calls: Calls | undefined): void {
  const wasIn = calls?.ongoing.value?.wasIn
  useEffect(() => {
    if (wasIn) void calls.joinOngoing(wasIn)
  }, [calls, wasIn])
}

/** The browser asks before a page is closed that has something unsent. */
function useLeaveQuestion(session: Session): void {
  useEffect(() => {
    const ask = (event: BeforeUnloadEvent): void => {
      if (session.unsent.peek() > 0) event.preventDefault()
    }
    window.addEventListener("beforeunload", ask)
    return () => window.removeEventListener("beforeunload", ask)
  }, [session])
}
