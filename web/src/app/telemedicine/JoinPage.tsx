import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { insideApp, usualBrowser } from "../../components/browserKind"
import { Icon } from "../../components/Icon"
import { later } from "../../components/later"
import { StartsIn } from "../../components/telemedicine/StartsIn"
import { notify, sentence } from "../../components/notices"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type FailureReason, type LinkPreview, type Session } from "../../lib/session/types"
import { FailurePage } from "../FailurePage"
import { type LinkSecret } from "../link"
import { OwnLink } from "../ObstaclePage"
import { Page } from "../Page"
import { useServices } from "../services"
import { failureOf } from "./failure"
import { clinicName } from "./clinic"
import "./join.css"

const JoinDevices = later(() => import("./JoinDevices"))
const CalendarButton = later(() => import("../../components/telemedicine/CalendarButton"))

interface Props {
  id: string
  link: LinkSecret
  /** The form is there; what comes behind it may load. */
  onReady: () => void
  onJoined: (session: Session) => void
}

type State =
  | { kind: "looking" }
  | { kind: "passcode"; wrong: boolean }
  | { kind: "ready"; preview: LinkPreview }
  | { kind: "failed"; reason: FailureReason }

/** A link that this device has not joined by: who invites, a name, "Join". */
export function JoinPage({ id, link, onReady, onJoined }: Props) {
  const { sessions } = useServices()
  const state = useSignal<State>(link.passcode ? { kind: "passcode", wrong: false } : { kind: "looking" })
  const passcode = useSignal("")
  const given = (): string | undefined => (link.passcode ? passcode.value : undefined)

  const looking = useRef<Promise<void>>(undefined)

  /** Once at a time, whoever is first: who is quick has pressed "Join" before the effect below runs. */
  const look = (): Promise<void> => (looking.current ??= lookNow().finally(() => (looking.current = undefined)))
  const lookNow = async (): Promise<void> => {
    try {
      const preview = await (await sessions()).look(id, link.secret, given())
      state.value = { kind: "ready", preview }
    } catch (error) {
      state.value = afterRefusal(failureOf(error), link.passcode)
    }
  }
  useEffect(() => {
    if (state.value.kind === "looking") void look()
  }, [state.value.kind])

  const ready = state.value.kind === "ready"
  useEffect(() => {
    if (ready) whenIdle(onReady)
  }, [ready])

  const keepName = async (name: string): Promise<void> => {
    try {
      await (await sessions()).keepName(id, link.secret, name, given())
    } catch {
      // It is asked for again next time.
    }
  }

  const prepare = async (): Promise<void> => {
    if (state.value.kind === "looking") await look()
    if (state.value.kind === "ready") (await sessions()).prepare(id, link.secret, given())
  }

  const join = async (name: string): Promise<void> => {
    if (state.value.kind === "looking") await look()
    if (state.value.kind !== "ready") return
    try {
      onJoined(await (await sessions()).join(id, link.secret, name, given()))
    } catch (error) {
      const reason = failureOf(error)
      // What may pass leaves the form as it is.
      if (reason === "server-unreachable" || reason === "internal") notify(sentence(error))
      else state.value = afterRefusal(reason, link.passcode)
    }
  }

  switch (state.value.kind) {
    case "passcode":
      return (
        <PasscodePage
          wrong={state.value.wrong}
          onPasscode={async (text) => {
            passcode.value = text
            await look()
          }}
        />
      )
    case "looking":
    case "ready": {
      // The name can be written before it is known who invites.
      const preview = state.value.kind === "ready" ? state.value.preview : undefined
      return (
        <NamePage id={id} link={link} preview={preview} onWriting={() => void prepare()} onName={keepName} onJoin={join} />
      )
    }
    case "failed":
      return <FailurePage reason={state.value.reason} onAgain={() => void (state.value = { kind: "looking" })} />
  }
}

/** When nothing that is seen waits to be done; Safari does not tell when that is. */
function whenIdle(run: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(run, { timeout: 2_000 })
  else setTimeout(run, 200)
}

/** The server does not tell a wrong passcode from a closed link, so the sentence says both. */
function afterRefusal(reason: FailureReason, passcode: boolean): State {
  if (reason === "passcode-wrong" || (reason === "link-refused" && passcode)) return { kind: "passcode", wrong: true }
  return { kind: "failed", reason }
}

interface PasscodeProps {
  wrong: boolean
  onPasscode: (passcode: string) => Promise<void>
}

function PasscodePage({ wrong, onPasscode }: PasscodeProps) {
  const text = useSignal("")
  const busy = useSignal(false)
  return (
    <Page title={t("join.passcode.title")}>
      <p>{t("join.passcode.text")}</p>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (text.value.trim() === "" || busy.value) return
          busy.value = true
          void onPasscode(text.value).finally(() => (busy.value = false))
        }}
      >
        <div class="field">
          <label for="passcode">{t("join.passcode.label")}</label>
          <input
            id="passcode"
            class="input"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            autofocus
            required
            aria-invalid={wrong}
            aria-describedby={wrong ? "passcode-wrong" : undefined}
            value={text.value}
            onInput={(event) => void (text.value = event.currentTarget.value)}
          />
          {wrong && !busy.value && (
            <p id="passcode-wrong" class="wrong" role="alert">
              {t("join.passcode.wrong")}
            </p>
          )}
        </div>
        <button type="submit" class="button primary wide" disabled={busy.value}>
          {busy.value ? t("join.looking") : t("join.passcode.continue")}
        </button>
      </form>
    </Page>
  )
}

interface NameProps {
  id: string
  link: LinkSecret
  preview: LinkPreview | undefined
  /** Somebody begins to write: the join is near. */
  onWriting: () => void
  /** Told what is written, for the next time. */
  onName: (name: string) => Promise<void>
  onJoin: (name: string) => Promise<void>
}

function NamePage({ id, link, preview, onWriting, onName, onJoin }: NameProps) {
  const written = useSignal<string | undefined>(undefined)
  const nameNow = (): string => written.value ?? preview?.ownName ?? ""
  const name = nameNow()
  const busy = useSignal(false)
  const missing = useSignal(false)
  const clinic = clinicName.value
  const submit = (): void => {
    const given = nameNow().trim() // perhaps written since it was drawn last
    missing.value = given === ""
    if (missing.value) document.getElementById("name")?.focus()
    if (missing.value || busy.value) return
    busy.value = true
    void onJoin(given).finally(() => (busy.value = false))
  }
  return (
    <Page title={t("join.title")}>
      <div class="invitation">
        {clinic && <p class="quiet">{clinic}</p>}
        <p class="inviter">
          {preview && <Inviter preview={preview} />}
        </p>
        {(preview?.knock ?? link.knock) && <p>{t("join.knockHint")}</p>}
        <p class="visit-title">
          <bdi>{preview?.title}</bdi>
        </p>
        {preview?.starts !== undefined && <StartsIn starts={preview.starts} />}
        {preview?.starts !== undefined && preview.starts > Date.now() && <p class="small quiet">{t("starts.early")}</p>}
      </div>
      <form
        class="stack"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <div class="field">
          <label for="name">{t("join.name")}</label>
          <input
            id="name"
            class="input"
            autocomplete="name"
            autofocus
            required
            maxLength={64}
            dir="auto"
            enterkeyhint="go"
            aria-invalid={missing.value}
            aria-describedby="name-hint"
            value={name}
            onInput={(event) => {
              if (written.value === undefined) onWriting()
              written.value = event.currentTarget.value
              missing.value = false
            }}
            onChange={() => void onName(name.trim())}
          />
          <p id="name-hint" class={missing.value ? "wrong" : "hint"} role={missing.value ? "alert" : undefined}>
            {t(missing.value ? "join.nameMissing" : "join.nameHint")}
          </p>
        </div>
        <button type="submit" class="button primary wide" disabled={busy.value}>
          {busy.value ? t("join.joining") : t("join.button")}
        </button>
      </form>
      <JoinTrial />
      {insideApp() && <InsideApp />}
      <p class="sealed-words small quiet">
        <Icon name="seal" />
        <span>
          {t("join.sealed")} {t("join.noAccount")}
        </span>
      </p>
      {preview?.starts !== undefined && (
        <CalendarButton
          id={id}
          starts={preview.starts}
          title={preview.hosts[0]?.name ?? t("title.default")}
          link={`${location.origin}/telemedicine/${id}#${link.secret}`}
        />
      )}
    </Page>
  )
}

function Inviter({ preview }: { preview: LinkPreview }) {
  const [host] = preview.hosts
  if (!host) return <Words k="join.noHost" />
  if (host.identity === "changed") return <Words k="join.invitesChanged" name={host.name} />
  if (host.identity === "known") return <Words k="join.invitesKnown" name={host.name} />
  return <Words k="join.invites" name={host.name} />
}

/** Camera and microphone can be tried first; whoever does not care joins at once. */
function JoinTrial() {
  const trying = useSignal(false)
  if (trying.value) return <JoinDevices onDone={() => void (trying.value = false)} />
  return (
    <button type="button" class="button wide" onClick={() => void (trying.value = true)}>
      <Icon name="camera" />
      {t("join.tryDevices")}
    </button>
  )
}

/** A messenger or mail program shows the page: most keep the camera from it. */
function InsideApp() {
  return (
    <div class="notice">
      <Icon name="alarm" />
      <div class="stack tight">
        <p>
          <Words k="join.insideApp" browser={usualBrowser()} />
        </p>
        <OwnLink />
      </div>
    </div>
  )
}
