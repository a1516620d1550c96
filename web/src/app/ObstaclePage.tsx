import { usualBrowser } from "../components/browserKind"
import { CopyButton } from "../components/CopyButton"
import { Icon } from "../components/Icon"
import { sayAny, t } from "../i18n/index"
import { AnyWords } from "../i18n/Words"
import { Page } from "./Page"
import { type Obstacle } from "./support"

/** This page or this browser cannot open visits, whatever the link: where it can be opened instead. */
export function ObstaclePage({ obstacle }: { obstacle: Obstacle }) {
  const secure = location.port === "" && obstacle === "insecure-page"
  return (
    <Page title={sayAny(`failure.${obstacle}.title`, { browser: usualBrowser() })}>
      <p role="alert" data-failure={obstacle}>
        <AnyWords k={`failure.${obstacle}.text`} values={{ browser: usualBrowser() }} />
      </p>
      {secure ? (
        <a class="button primary" href={location.href.replace(/^http:/, "https:")}>
          {t("obstacle.https")}
        </a>
      ) : (
        <OwnLink />
      )}
    </Page>
  )
}

/** The link that was opened, to take it elsewhere. */
export function OwnLink() {
  const link = location.href
  return (
    <div class="stack tight">
      <label class="field">
        <span class="label">{t("obstacle.link")}</span>
        <input class="input" readOnly dir="ltr" value={link} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <div class="row">
        <CopyButton text={link} label={t("newSession.copy")} primary />
        {"share" in navigator && (
          <button type="button" class="button" onClick={() => void navigator.share({ url: link }).catch(() => undefined)}>
            <Icon name="share" />
            {t("newSession.share")}
          </button>
        )}
      </div>
    </div>
  )
}
