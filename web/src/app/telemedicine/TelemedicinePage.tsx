import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { later } from "../../components/later"
import { t } from "../../i18n/index"
import { type CallLine, type FailureReason, type Session } from "../../lib/session/types"
import { FailurePage } from "../FailurePage"
import { secretOf, type LinkSecret } from "../link"
import { Loading } from "../Page"
import { useServices } from "../services"
import { supported } from "../support"
import { earlyLine } from "./earlyLine"
import { failureOf } from "./failure"
import { JoinPage } from "./JoinPage"

const SessionPage = later(() => import("./SessionPage"), () => <Loading />)

type State =
  | { kind: "opening" }
  | { kind: "join"; link: LinkSecret }
  | { kind: "in"; session: Session; line: CallLine }
  | { kind: "failed"; reason: FailureReason }

/** A link to a visit: straight into it on a device that has joined, else the question to join. */
export function TelemedicinePage({ id }: { id: string }) {
  const { sessions } = useServices()
  const state = useSignal<State>({ kind: "opening" })

  const open = async (): Promise<void> => {
    state.value = { kind: "opening" }
    state.value = await arrive(id, sessions)
  }
  useEffect(() => void open(), [])
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
          onJoined={(session) => void (state.value = inside(session))}
        />
      )
    case "in":
      return <SessionPage session={state.value.session} line={state.value.line} />
    case "failed":
      return <FailurePage reason={state.value.reason} onAgain={() => void open()} />
  }
}

const inside = (session: Session): State => ({ kind: "in", session, line: earlyLine(session.line) })

async function arrive(id: string, load: ReturnType<typeof useServices>["sessions"]): Promise<State> {
  if (!(await supported())) return { kind: "failed", reason: "unsupported-browser" }
  try {
    const session = await (await load()).open(id)
    if (session) return inside(session)
  } catch (error) {
    return { kind: "failed", reason: failureOf(error) }
  }
  const link = secretOf(location.hash)
  return link ? { kind: "join", link } : { kind: "failed", reason: "link-malformed" }
}
