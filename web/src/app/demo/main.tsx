/** The interface over a play, for looking at: `/src/app/demo/index.html?scene=chat`. Not part of the product's build. */
import { render } from "preact"
import { chooseLanguage } from "../../i18n/index"
import { SessionFailure, type FailureReason, type Sessions } from "../../lib/session/types"
import { App } from "../App"
import "../tokens.css"
import "../base.css"
import { followHistory, path } from "../route"
import { type Services } from "../services"
import { clinicName } from "../telemedicine/clinic"
import { playCalls } from "./playCalls"
import { demoId, demoLink, playSession, summaries } from "./playSession"

const query = new URLSearchParams(location.search)
const scene = query.get("scene") ?? "chat"
const failure = query.get("failure") as FailureReason | null

const session = playSession(scene)
const joins = scene === "join" || scene === "passcode" || failure !== null

const sessions: Sessions = {
  list: () => Promise.resolve(scene === "empty" ? [] : summaries()),
  create: () => Promise.resolve({ id: demoId, link: demoLink }),
  look: (_id, _secret, passcode) => {
    if (failure) return Promise.reject(new SessionFailure(failure))
    if (scene === "passcode" && passcode !== "1234") return Promise.reject(new SessionFailure("passcode-wrong"))
    return Promise.resolve({
      title: "Follow-up",
      hosts: [{ name: "Dr Miriam Roe", identity: "new" }],
      role: "guest",
      label: "",
    })
  },
  join: () => Promise.resolve(session),
  open: () => Promise.resolve(joins ? undefined : session),
}

const services: Services = {
  sessions: () => Promise.resolve(sessions),
  calls: () => playCalls(scene),
  account: {
    me: () => Promise.resolve(scene === "signed-out" ? undefined : { id: "1", name: "Dr Miriam Roe" }),
    signIn: () => Promise.resolve("refused"),
    signOut: () => Promise.resolve(),
    deleteSession: () => Promise.resolve(),
  },
}

function addressOf(): string {
  if (["dashboard", "empty", "signed-out", "new"].includes(scene)) return "/"
  if (scene === "sign-in") return "/sign-in#code"
  if (scene === "nowhere") return "/nowhere"
  const fragment = scene === "passcode" ? `${demoLink.split("#")[1] ?? ""}.p` : (demoLink.split("#")[1] ?? "")
  return `/telemedicine/${demoId}#${fragment}`
}

history.replaceState(null, "", addressOf())
path.value = location.pathname
clinicName.value = "Harbour Street Practice"
followHistory()
await chooseLanguage([query.get("language") ?? "", ...navigator.languages])
const root = document.getElementById("app")
if (root) render(<App services={services} />, root)
