import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { Icon } from "../components/Icon"
import { LanguageSelect } from "../components/LanguageSelect"
import { Brand } from "../components/Mark"
import { attempt } from "../components/notices"
import { useVisible } from "../components/telemedicine/visibility"
import { shortWhen } from "../i18n/format"
import { t } from "../i18n/index"
import { Words } from "../i18n/Words"
import { type SessionSummary } from "../lib/session/types"
import { type Me } from "./account"
import { NewSessionDialog } from "./NewSessionDialog"
import { ownName } from "./preferences"
import { SeenAs } from "./SeenAs"
import { useServices } from "./services"
import { setTitle } from "./title"
import "./dashboard.css"

type Signed = { kind: "asking" } | { kind: "in"; me: Me } | { kind: "out" } | { kind: "unreachable" }

/** The sessions on this device, and the way to a new one. */
export default function Dashboard() {
  const { account, sessions } = useServices()
  const signed = useSignal<Signed>({ kind: "asking" })
  const list = useSignal<readonly SessionSummary[] | undefined>(undefined)
  const failed = useSignal(false)
  const making = useSignal(false)
  const visible = useVisible()

  const load = async (): Promise<void> => {
    try {
      list.value = await (await sessions()).list()
    } catch {
      failed.value = true
    }
  }
  const title = t("dashboard.title")
  useEffect(() => setTitle(title), [title])
  useEffect(() => {
    account.me().then(
      (me) => (signed.value = me ? { kind: "in", me } : { kind: "out" }),
      () => (signed.value = { kind: "unreachable" }),
    )
  }, [])
  useEffect(() => {
    if (visible) void load()
  }, [visible])

  const state = signed.value
  return (
    <div class="dashboard">
      <header>
        <Brand />
        {state.kind === "in" && (
          <div class="row">
            <button
              type="button"
              class="button bare"
              onClick={() => void attempt(() => account.signOut()).then((done) => done && (signed.value = { kind: "out" }))}
            >
              {t("dashboard.signOut")}
            </button>
          </div>
        )}
      </header>
      <main id="main">
        <div class="row spread">
          <h1>{title}</h1>
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
        {state.kind === "unreachable" && (
          <p class="notice bad" role="alert">
            <Icon name="alarm" />
            {t("dashboard.serverUnreachable")}
          </p>
        )}
        {state.kind === "in" && <SeenAs name={ownName.value ?? state.me.name} />}
        {failed.value && (
          <p class="notice bad" role="alert">
            <Icon name="alarm" />
            {t("dashboard.loadFailed")}
          </p>
        )}
        {list.value && state.kind !== "asking" && (
          <SessionList list={list.value} canMake={state.kind === "in"} />
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
            void load()
          }}
        />
      )}
    </div>
  )
}

function SessionList({ list, canMake }: { list: readonly SessionSummary[]; canMake: boolean }) {
  const query = useSignal("")
  if (list.length === 0)
    return canMake ? (
      <section class="nothing" aria-labelledby="nothing">
        <h2 id="nothing">{t("dashboard.empty.title")}</h2>
        <p>{t("dashboard.empty.text")}</p>
      </section>
    ) : null
  const wanted = query.value.trim().toLocaleLowerCase()
  const found = list.filter(({ title }) => title.toLocaleLowerCase().includes(wanted))
  return (
    <>
      <div class="search">
        <label class="unseen" for="search">
          {t("dashboard.search")}
        </label>
        <Icon name="search" />
        <input
          id="search"
          class="input"
          type="search"
          autocomplete="off"
          placeholder={t("dashboard.search")}
          value={query.value}
          onInput={(event) => void (query.value = event.currentTarget.value)}
        />
      </div>
      {found.length === 0 && (
        <p role="status">
          <Words k="dashboard.noneFound" query={query.value} />
        </p>
      )}
      <ul class="sessions">
        {found.map((summary) => (
          <SessionRow key={summary.id} summary={summary} />
        ))}
      </ul>
      <p class="quiet small">{t("dashboard.onThisDevice")}</p>
    </>
  )
}

function SessionRow({ summary }: { summary: SessionSummary }) {
  const { id, title, people, unread, phase, lastActivityAt } = summary
  return (
    <li>
      <a class="session" href={`/telemedicine/${id}`}>
        <span class={title ? "session-title" : "session-title quiet"}>
          <bdi>{title || t("dashboard.untitled")}</bdi>
        </span>
        <time class="quiet small" dateTime={new Date(lastActivityAt).toISOString()}>
          {shortWhen(lastActivityAt, Date.now())}
        </time>
        <span class="quiet small">
          {t("dashboard.people", { count: people })} · {t(`dashboard.phase.${phase}`)}
        </span>
        {unread > 0 && <span class="badge good">{t("dashboard.unread", { count: unread })}</span>}
      </a>
    </li>
  )
}
