import { useSignal } from "@preact/signals"
import { useId, useMemo } from "preact/hooks"
import { language as pageLanguage, languages, type Language, t } from "../../i18n/index"
import { invitationTexts } from "../../i18n/invitations"
import { CopyButton } from "../CopyButton"
import { Icon } from "../Icon"
import { kept } from "../kept"
import { compose, mailAddress, messageAddress, timeFor } from "./invitation"

export interface Invited {
  /** The clinician's name. */
  name: string
  clinic: string
  starts?: number
  /** Must not stand in the text. */
  passcode: string
}

type Kind = "mail" | "short"

/** A text around the link, in the language of who gets it; sent by the programs of this device. */
export default function Invitation({ link, invited }: { link: string; invited: Invited }) {
  const language = useSignal<Language>(pageLanguage.value)
  const kind = useSignal<Kind>("mail")
  const changing = useSignal(false)
  const id = useId()
  const own = useMemo(() => kept(`careseal.invitation.${kind.value}.${language.value}`), [kind.value, language.value])
  const texts = invitationTexts[language.value]
  const template = own.value ?? texts[kind.value]
  const { name, clinic, starts, passcode } = invited
  const time = starts === undefined ? "" : texts.time.replace("{time}", timeFor(language.value, starts))
  const text = compose(template, { name, clinic, time, link })
  const tells = passcode !== "" && text.toLowerCase().includes(passcode.toLowerCase())
  const mail = kind.value === "mail"
  return (
    <details class="invitation-text">
      <summary>
        <Icon name="down" />
        {t("invitation.title")}
      </summary>
      <div class="stack">
        <div class="row invitation-choice">
          <label class="field">
            <span class="label">{t("invitation.kind")}</span>
            <select
              class="input"
              value={kind.value}
              onChange={(event) => void (kind.value = event.currentTarget.value === "mail" ? "mail" : "short")}
            >
              <option value="mail">{t("invitation.mail")}</option>
              <option value="short">{t("invitation.short")}</option>
            </select>
          </label>
          <label class="field">
            <span class="label">{t("invitation.language")}</span>
            <select
              class="input"
              value={language.value}
              onChange={(event) => void (language.value = event.currentTarget.value as Language)}
            >
              {languages.map(({ tag, name: own }) => (
                <option key={tag} value={tag}>
                  {own}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div class="field">
          <label for={id}>{t(changing.value ? "invitation.template" : "invitation.text")}</label>
          <textarea
            id={id}
            class="input"
            dir="auto"
            lang={language.value}
            rows={mail ? 9 : 5}
            maxLength={4000}
            readOnly={!changing.value}
            aria-describedby={changing.value ? `${id}-hint` : undefined}
            value={changing.value ? template : text}
            onInput={(event) => {
              const written = event.currentTarget.value
              own.value = written === texts[kind.value] ? undefined : written
            }}
          />
          {changing.value && (
            <p id={`${id}-hint`} class="hint">
              {t("invitation.placeholders")} <bdi dir="ltr">{"{name} {clinic} {time} {link}"}</bdi>
            </p>
          )}
        </div>
        {tells && (
          <p class="wrong-text" role="alert">
            {t("invitation.tellsPasscode")}
          </p>
        )}
        <div class="row">
          {!changing.value && !tells && (
            <>
              <a class="button" href={mail ? mailAddress(texts.subject, text) : messageAddress(text)}>
                <Icon name="send" />
                {t(mail ? "invitation.writeMail" : "invitation.writeShort")}
              </a>
              <CopyButton text={text} label={t("invitation.copy")} />
              {"share" in navigator && (
                <button
                  type="button"
                  class="button"
                  onClick={() => void navigator.share({ title: texts.subject, text }).catch(() => undefined)}
                >
                  <Icon name="share" />
                  {t("invitation.share")}
                </button>
              )}
            </>
          )}
          <button type="button" class="button bare" onClick={() => void (changing.value = !changing.value)}>
            {t(changing.value ? "invitation.done" : "invitation.change")}
          </button>
          {changing.value && own.value !== undefined && (
            <button type="button" class="button bare" onClick={() => void (own.value = undefined)}>
              {t("invitation.standard")}
            </button>
          )}
        </div>
        <p class="quiet small">{t(passcode === "" ? "invitation.risk" : "invitation.riskPasscode")}</p>
      </div>
    </details>
  )
}
