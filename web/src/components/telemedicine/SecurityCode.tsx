import { t } from "../../i18n/index"
import { type Session } from "../../lib/session/types"
import { Icon } from "../Icon"
import { later } from "../later"
import "./security.css"

const Qr = later(() => import("../Qr"))

/** Numbers to compare by voice: equal ones mean that nobody sits in between. */
export function SecurityCode({ session }: { session: Session }) {
  const code = session.code.value
  return (
    <section class="security" aria-label={t("security.title")}>
      <p>{t("security.text")}</p>
      {code ? (
        <>
          <ol class="code" aria-label={t("security.code")}>
            {code.groups.map((group, i) => (
              <li key={i}>{group}</li>
            ))}
          </ol>
          <div class="qr-place">
            <Qr text={code.qr} label={t("security.qr")} />
          </div>
          {code.matched ? (
            <p class="notice" role="status">
              <Icon name="seal" />
              <span>
                <strong>{t("security.matched")}</strong>
                <br />
                <span class="small">{t("security.matchedHint")}</span>
              </span>
            </p>
          ) : (
            <button type="button" class="button primary" onClick={() => session.confirmCode()}>
              <Icon name="tick" />
              {t("security.match")}
            </button>
          )}
          <h2>{t("security.mismatch.title")}</h2>
          <p>{t("security.mismatch.text")}</p>
        </>
      ) : (
        <p class="quiet">{t("security.none")}</p>
      )}
    </section>
  )
}
