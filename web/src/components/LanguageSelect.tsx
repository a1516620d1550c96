import { changeLanguage } from "../i18n/choice"
import { language, languages, t, type Language } from "../i18n/index"
import { Icon } from "./Icon"

/** Which language the words are in; each is offered by the name that it has for itself. */
export function LanguageSelect() {
  return (
    <label class="language">
      <Icon name="globe" />
      <span class="unseen">{t("language.label")}</span>
      <select
        value={language.value}
        onChange={(event) => void changeLanguage(event.currentTarget.value as Language)}
      >
        {languages.map(({ tag, name }) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
