import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { Icon } from "../../components/Icon"
import { notify, sentence } from "../../components/notices"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type FailureReason, type LinkPreview, type Session } from "../../lib/session/types"
import { FailurePage } from "../FailurePage"
import { type LinkSecret } from "../link"
import { Loading, Page } from "../Page"
import { useServices } from "../services"
import { failureOf } from "./failure"
import { clinicName } from "./clinic"
import "./join.css"

interface Props {
  id: string
  link: LinkSecret
  onJoined: (session: Session) => void
}

type State =
  | { kind: "looking" }
  | { kind: "passcode"; wrong: boolean }
  | { kind: "ready"; preview: LinkPreview }
  | { kind: "failed"; reason: FailureReason }

/** A link that this device has not joined by: who invites, a name, "Join". */
export function JoinPage({ id, link, onJoined }: Props) {
  const { sessions } = useServices()
  const state = useSignal<State>(link.passcode ? { kind: "passcode", wrong: false } : { kind: "looking" })
  const passcode = useSignal("")
  const given = (): string | undefined => (link.passcode ? passcode.value : undefined)

  const look = async (): Promise<void> => {
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

  const join = async (name: string): Promise<void> => {
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
    case "looking":
      return <Loading words={t("join.looking")} />
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
    case "ready":
      return <NamePage preview={state.value.preview} onJoin={join} />
    case "failed":
      return <FailurePage reason={state.value.reason} onAgain={() => void (state.value = { kind: "looking" })} />
  }
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

function NamePage({ preview, onJoin }: { preview: LinkPreview; onJoin: (name: string) => Promise<void> }) {
  const name = useSignal("")
  const busy = useSignal(false)
  const missing = useSignal(false)
  const clinic = clinicName.value
  const submit = (): void => {
    const written = name.value.trim()
    missing.value = written === ""
    if (missing.value) document.getElementById("name")?.focus()
    if (missing.value || busy.value) return
    busy.value = true
    void onJoin(written).finally(() => (busy.value = false))
  }
  return (
    <Page title={t("join.title")}>
      <div class="invitation">
        {clinic && <p class="quiet">{clinic}</p>}
        <p class="inviter">
          <Inviter preview={preview} />
        </p>
        {preview.title && (
          <p>
            <bdi>{preview.title}</bdi>
          </p>
        )}
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
            value={name.value}
            onInput={(event) => {
              name.value = event.currentTarget.value
              missing.value = false
            }}
          />
          <p id="name-hint" class={missing.value ? "wrong" : "hint"} role={missing.value ? "alert" : undefined}>
            {t(missing.value ? "join.nameMissing" : "join.nameHint")}
          </p>
        </div>
        <button type="submit" class="button primary wide" disabled={busy.value}>
          {busy.value ? t("join.joining") : t("join.button")}
        </button>
      </form>
      <p class="sealed-words small quiet">
        <Icon name="seal" />
        <span>
          {t("join.sealed")} {t("join.noAccount")}
        </span>
      </p>
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
