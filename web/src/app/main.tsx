import { render } from "preact"
import { keepFocus } from "../components/focus"
import { startLanguage } from "../i18n/choice"
import { account } from "./account"
import { App } from "./App"
import "./tokens.css"
import "./base.css"
import { followHistory, path, routeOf } from "./route"
import { type Services } from "./services"
import { askClinicName } from "./telemedicine/clinic"

const services: Services = {
  sessions: async () => (await import("../lib/session/index")).sessions,
  calls: async (session, line) =>
    (await import("../lib/call/index")).createCalls(line, { participants: session.participants }),
  devices: async () => (await import("../lib/call/deviceDesk")).openDeviceDesk(),
  account,
}

/** Not at the top level: the words' file may need this one, which would then wait for itself. */
async function start(root: HTMLElement): Promise<void> {
  // First of all, so that the page's language and direction are right before anything is painted.
  const words = startLanguage()
  void askClinicName()
  followHistory()
  keepFocus()
  if (routeOf(path.value).page === "telemedicine") void services.sessions().catch(() => undefined)
  await words
  render(<App services={services} />, root)
}

const root = document.getElementById("app")
if (root) void start(root)
