import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect } from "preact/hooks"
import { later } from "../../components/later"
import { t } from "../../i18n/index"
import { type CallLine, type FailureReason, type Session } from "../../lib/session/types"
import { FailurePage } from "../FailurePage"
import { secretOf, type LinkSecret } from "../link"
import { Loading } from "../Page"
import { useServices } from "../services"
import { ObstaclePage } from "../ObstaclePage"
import { obstacle, type Obstacle } from "../support"
import { askClinicName } from "./clinic"
import { earlyLine } from "./earlyLine"
import { failureOf } from "./failure"
import { JoinPage } from "./JoinPage"

const SessionPage = later(() => import("./SessionPage"), () => <Loading />)

type State =
  | { kind: "opening" }
  | { kind: "join"; link: LinkSecret }
  | { kind: "in"; session: Session; line: CallLine }
  | { kind: "failed"; reason: FailureReason }
  | { kind: "impossible"; obstacle: Obstacle }

/** A link to a visit: straight into it on a device that has joined, else the question to join. */
export function TelemedicinePage({ id }: { id: string }) {
  const { sessions } = useServices()
  const state = useSignal<State>({ kind: "opening" })

  const open = async (): Promise<void> => {
    state.value = { kind: "opening" }
    state.value = await arrive(id, sessions)
  }
  // Before the first picture: it takes longer than what is asked for meanwhile.
  useLayoutEffect(() => void open(), [])
  useEffect(
    () => () => {
      if (state.value.kind === "in") state.value.session.close()
    },
    [],
  )
  // Another link pasted over this one changes the fragment only.
  useEffect(() => {
    const again = (): void => {
      if (state.value.kind !== "in") void open()
    }
    window.addEventListener("hashchange", again)
    return () => window.removeEventListener("hashchange", again)
  }, [])

  switch (state.value.kind) {
    case "opening":
      return <Loading words={t("session.opening")} />
    case "join":
      return (
        <JoinPage
          key={state.value.link.secret}
          id={id}
          link={state.value.link}
          onReady={() => SessionPage.ahead()}
          onJoined={(session) => void (state.value = inside(session))}
        />
      )
    case "in":
      return <SessionPage session={state.value.session} line={state.value.line} />
    case "failed":
      return <FailurePage reason={state.value.reason} onAgain={() => void open()} />
    case "impossible":
      return <ObstaclePage obstacle={state.value.obstacle} />
  }
}

const inside = (session: Session): State => ({ kind: "in", session, line: earlyLine(session.line) })

async function arrive(id: string, load: ReturnType<typeof useServices>["sessions"]): Promise<State> {
  const impossible = await obstacle()
  if (impossible) return { kind: "impossible", obstacle: impossible }
  const link = secretOf(location.hash)
  try {
    const sessions = await load()
    // While the disk answers.
    const fresh = link && !link.passcode ? sessions.ahead(id, link.secret) : Promise.resolve(false)
    const opening = sessions.open(id)
    opening.catch(() => undefined)
    // Who comes for the first time need not wait for it; the clinic's name stands above the form and must not push it down.
    if (link && (await fresh)) {
      await Promise.race([askClinicName(), opening])
      return { kind: "join", link }
    }
    const session = await opening
    if (session) return inside(session)
  } catch (error) {
    return { kind: "failed", reason: failureOf(error) }
  }
  return link ? { kind: "join", link } : { kind: "failed", reason: "link-malformed" }
}
