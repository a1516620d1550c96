import { render } from "preact"
import { startLanguage } from "../i18n/choice"
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
  // First of all, so that the page's language and direction are right before anything is painted.
  const words = startLanguage()
  void askClinicName()
  followHistory()
  await words
  render(<App services={services} />, root)
}
