import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { Confirm } from "../components/Dialog"
import { Icon } from "../components/Icon"
import { LanguageSelect } from "../components/LanguageSelect"
import { Brand } from "../components/Mark"
import { attempt, notify } from "../components/notices"
import { t } from "../i18n/index"
import { type Me } from "./account"
import { AboutSession } from "./desk/AboutSession"
import { change } from "./desk/changing"
import { forgetEverywhere, forgetHere } from "./desk/forgetting"
import { elsewhere, rowsOf } from "./desk/rows"
import { SessionList } from "./desk/SessionList"
import { useDesk, useWaiting } from "./desk/useDesk"
import { NewSessionDialog } from "./NewSessionDialog"
import { ownName } from "./preferences"
import { SeenAs } from "./SeenAs"
import { useServices } from "./services"
import { keepShell } from "./shell/keepShell"
import { useNotes } from "./useNotes"
import "./dashboard.css"

type Signed = { kind: "asking" } | { kind: "in"; me: Me } | { kind: "out" } | { kind: "unreachable" }

/** The sessions on this device, and the way to a new one. */
export default function Dashboard() {
  const services = useServices()
  const signed = useSignal<Signed>({ kind: "asking" })
  const making = useSignal(false)
  const leaving = useSignal(false)
  /** What is shown in a dialog: a session's notes, or the question about one of another device. */
  const about = useSignal<string | undefined>(undefined)
  const foreign = useSignal<string | undefined>(undefined)
  const desk = useDesk()
  const known = desk.known.value
  const rows = known ? rowsOf(known) : []
  const waitingSince = useWaiting(rows)
  const notes = useNotes()

  const ask = (): void => {
    services.account.me().then(
      (me) => (signed.value = me ? { kind: "in", me } : { kind: "out" }),
      () => (signed.value = { kind: "unreachable" }),
    )
  }
  useEffect(ask, [])
  useEffect(keepShell, [])
  const away = desk.serverAway.value
  useEffect(() => {
    if (!away && signed.value.kind === "unreachable") ask()
  }, [away])

  const rid = (verb: () => Promise<void>, done: string, failed: string): void => {
    about.value = undefined
    void attempt(verb, failed).then(async (went) => {
      if (went) notify(done)
      await desk.look()
    })
  }
  const ridServer = (id: string): void =>
    rid(() => forgetEverywhere(services, id), t("dashboard.deleteServer.done"), t("dashboard.deleteServer.failed"))

  const state = signed.value
  const foreignId = foreign.value
  const shown = rows.find(({ id }) => id === about.value)
  return (
    <div class="dashboard">
      <header>
        <Brand />
        {state.kind === "in" && (
          <button type="button" class="button bare" onClick={() => void (leaving.value = true)}>
            {t("dashboard.signOut")}
          </button>
        )}
      </header>
      <main id="main">
        <div class="row spread">
          <h1>{t("dashboard.title")}</h1>
          {state.kind === "in" && (
            <button type="button" class="button primary" onClick={() => void (making.value = true)}>
              <Icon name="add" />
              {t("dashboard.new")}
            </button>
          )}
        </div>
        {state.kind === "out" && (
          <section class="notice" aria-labelledby="signed-out">
            <Icon name="seal" />
            <div>
              <h2 id="signed-out">{t("dashboard.signedOut.title")}</h2>
              <p>{t("dashboard.signedOut.text")}</p>
            </div>
          </section>
        )}
        {(state.kind === "unreachable" || away) && (
          <p class="notice bad" role="alert">
            <Icon name="alarm" />
            {t("dashboard.serverUnreachable")}
          </p>
        )}
        {state.kind === "in" && <SeenAs name={ownName.value ?? state.me.name} />}
        {desk.failed.value && (
          <div class="notice bad" role="alert">
            <Icon name="alarm" />
            <p>{t("dashboard.loadFailed")}</p>
            <div class="row">
              <button type="button" class="button" onClick={() => void desk.look()}>
                {t("action.tryAgain")}
              </button>
            </div>
          </div>
        )}
        {!known && !desk.failed.value && (
          <p class="quiet loading" role="status">
            {t("dashboard.loading")}
          </p>
        )}
        {known && state.kind !== "asking" && (
          <SessionList
            rows={rows}
            elsewhere={elsewhere(known)}
            canMake={state.kind === "in"}
            waitingSince={waitingSince}
            onAbout={({ id }) => void (about.value = id)}
            onDeleteElsewhere={({ id }) => void (foreign.value = id)}
          />
        )}
      </main>
      <footer>
        <LanguageSelect />
      </footer>
      {making.value && state.kind === "in" && (
        <NewSessionDialog
          name={ownName.value ?? state.me.name}
          onClose={() => {
            making.value = false
            void desk.look()
          }}
        />
      )}
      {shown && notes && (
        <AboutSession
          row={shown}
          notes={notes}
          made={known?.account?.some(({ id }) => id === shown.id) ?? false}
          onNotes={() => void desk.reload()}
          onStarts={(starts) =>
            void attempt(
              async () => change(await services.sessions(), shown.id, (session) => session.reschedule(starts)),
              t("starts.failed"),
            ).then(() => desk.reload())
          }
          onDeleteHere={() => rid(() => forgetHere(services, shown.id), t("end.deleted"), t("end.deleteFailed"))}
          onDeleteServer={() => ridServer(shown.id)}
          onClose={() => void (about.value = undefined)}
        />
      )}
      {foreignId !== undefined && (
        <Confirm
          title={t("dashboard.deleteServer.title")}
          text={t("dashboard.deleteServer.text")}
          confirm={t("dashboard.deleteServer")}
          onConfirm={() => ridServer(foreignId)}
          onClose={() => void (foreign.value = undefined)}
        />
      )}
      {leaving.value && (
        <Confirm
          title={t("dashboard.signOut.title")}
          text={t("dashboard.signOut.text")}
          confirm={t("dashboard.signOut")}
          danger={false}
          onConfirm={() =>
            void attempt(() => services.account.signOut()).then((done) => {
              if (!done) return
              signed.value = { kind: "out" }
              void desk.look()
            })
          }
          onClose={() => void (leaving.value = false)}
        />
      )}
    </div>
  )
}
