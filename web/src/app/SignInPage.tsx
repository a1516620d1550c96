import { useEffect, useState } from "preact/hooks"
import { t } from "../i18n/index"
import { type SignedIn } from "./account"
import { Page } from "./Page"
import { dropFragment, goTo } from "./route"
import { useServices } from "./services"

type State = "working" | "missing" | Exclude<SignedIn, "yes">

/** Takes the one-time code from the link's fragment, and goes on to the sessions. */
export default function SignInPage() {
  const { account } = useServices()
  const [code] = useState(() => decodeURIComponent(location.hash.slice(1)))
  const [state, setState] = useState<State>(code === "" ? "missing" : "working")

  useEffect(() => {
    if (state !== "working") return
    void account.signIn(code).then((answer) => {
      if (answer !== "unreachable") dropFragment()
      if (answer === "yes") goTo("/")
      else setState(answer)
    })
  }, [state])

  switch (state) {
    case "working":
      return (
        <Page title={t("signIn.title")}>
          <p role="status">{t("signIn.working")}</p>
        </Page>
      )
    case "missing":
      return (
        <Page title={t("signIn.missing.title")}>
          <p role="alert">{t("signIn.missing.text")}</p>
        </Page>
      )
    case "refused":
      return (
        <Page title={t("signIn.refused.title")}>
          <p role="alert">{t("signIn.refused.text")}</p>
        </Page>
      )
    case "unreachable":
      return (
        <Page title={t("signIn.offline.title")}>
          <p role="alert">{t("signIn.offline.text")}</p>
          <button type="button" class="button primary" onClick={() => setState("working")}>
            {t("action.tryAgain")}
          </button>
        </Page>
      )
  }
}
