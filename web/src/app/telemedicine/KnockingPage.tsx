import { attempt } from "../../components/notices"
import { shortWhen } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Session } from "../../lib/session/types"
import { Page } from "../Page"
import { goTo } from "../route"

interface Props {
  session: Session
  refused: boolean
  /** When this device asked, ms. */
  since: number
}

/** Before the door: asked and not yet admitted, or refused. It goes on by itself once a host decides. */
export default function KnockingPage({ session, refused, since }: Props) {
  const leave = async (): Promise<void> => {
    if (await attempt(() => session.stopAsking())) goTo("/")
  }
  return (
    <Page title={t(refused ? "knock.refused.title" : "knock.title")}>
      <div class="stack" role="status">
        <p>{t(refused ? "knock.refused.text" : "knock.text")}</p>
        {!refused && (
          <p class="quiet">
            <Words k="knock.since" time={shortWhen(since, Date.now())} />
          </p>
        )}
      </div>
      <div class="row">
        {refused && (
          <button type="button" class="button primary" onClick={() => void attempt(() => session.askAgain())}>
            {t("knock.again")}
          </button>
        )}
        <button type="button" class="button" onClick={() => void leave()}>
          {t("knock.leave")}
        </button>
      </div>
    </Page>
  )
}
