import { useErrorBoundary } from "preact/hooks"
import { later } from "../components/later"
import { WithinReach } from "../components/modal"
import { Notices } from "../components/notices"
import { t } from "../i18n/index"
import { FailurePage } from "./FailurePage"
import { Loading, Page } from "./Page"
import { path, routeOf } from "./route"
import { ServicesProvider, type Services } from "./services"
import { TelemedicinePage } from "./telemedicine/TelemedicinePage"

const Dashboard = later(() => import("./Dashboard"), () => <Loading />)
const SignInPage = later(() => import("./SignInPage"), () => <Loading />)

export function App({ services }: { services: Services }) {
  const crash: unknown = useErrorBoundary()[0]
  return (
    <ServicesProvider value={services}>
      <a class="skip" href="#main">
        {t("app.skip")}
      </a>
      {crash ? <Crashed /> : <Routed />}
      <WithinReach>
        <Notices />
      </WithinReach>
    </ServicesProvider>
  )
}

function Routed() {
  const route = routeOf(path.value)
  switch (route.page) {
    case "dashboard":
      return <Dashboard />
    case "sign-in":
      return <SignInPage />
    case "telemedicine":
      return <TelemedicinePage key={route.id} id={route.id} />
    case "broken-link":
      return <FailurePage reason="link-malformed" onAgain={() => location.reload()} />
    case "nowhere":
      return (
        <Page title={t("app.notFound.title")}>
          <p>{t("app.notFound.text")}</p>
          <a class="button" href="/">
            {t("app.toStart")}
          </a>
        </Page>
      )
  }
}

function Crashed() {
  return (
    <Page title={t("app.crashed.title")}>
      <p role="alert">{t("app.crashed.text")}</p>
      <button type="button" class="button primary" onClick={() => location.reload()}>
        {t("app.reload")}
      </button>
    </Page>
  )
}
