import { render } from "preact"
import { chooseLanguage } from "../i18n/index"
import { account } from "./account"
import { App } from "./App"
import "./tokens.css"
import "./base.css"
import { followHistory } from "./route"
import { type Services } from "./services"
import { askClinicName } from "./telemedicine/clinic"

const services: Services = {
  sessions: async () => (await import("../lib/session/index")).sessions,
  calls: async (session, line) =>
    (await import("../lib/call/index")).createCalls(line, { participants: session.participants }),
  account,
}

const root = document.getElementById("app")
if (root) {
  void askClinicName()
  followHistory()
  await chooseLanguage(navigator.languages)
  render(<App services={services} />, root)
}
