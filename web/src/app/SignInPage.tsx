import { useEffect, useState } from "preact/hooks"
import { t } from "../i18n/index"
import { type SignedIn } from "./account"
import { Page } from "./Page"
import { dropFragment, goTo } from "./route"
import { useServices } from "./services"

type State = "working" | "missing" | Exclude<SignedIn, "yes">

const given = (): string => location.hash.slice(1)

/** Takes the one-time code from the link's fragment, and goes on to the sessions. */
export default function SignInPage() {
  const { account } = useServices()
  const [code, setCode] = useState(given)
  const [state, setState] = useState<State>(code === "" ? "missing" : "working")

  // A new link opened over an old one changes the fragment only.
  useEffect(() => {
    const again = (): void => {
      setCode(given())
      setState(given() === "" ? "missing" : "working")
    }
    window.addEventListener("hashchange", again)
    return () => window.removeEventListener("hashchange", again)
  }, [])

  useEffect(() => {
    if (state !== "working") return
    void account.signIn(code).then((answer) => {
      if (answer !== "unreachable") dropFragment()
      if (answer === "yes") goTo("/")
      else setState(answer)
    })
  }, [state, code])

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
