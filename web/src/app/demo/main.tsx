/** The interface over a play, for looking at: `/src/app/demo/index.html?scene=chat`. Not part of the product's build. */
import "./otherBrowser"
import { render } from "preact"
import { keepFocus } from "../../components/focus"
import { chooseLanguage } from "../../i18n/index"
import { SessionFailure, type FailureReason, type Sessions } from "../../lib/session/types"
import { App } from "../App"
import "../tokens.css"
import "../base.css"
import { followHistory, path } from "../route"
import { type Services } from "../services"
import { clinicName } from "../telemedicine/clinic"
import { playCalls } from "./playCalls"
import { demoId, demoLink, playAccount, playNotes, playSession, summaries } from "./playSession"

const query = new URLSearchParams(location.search)
const scene = query.get("scene") ?? "chat"
const failure = query.get("failure") as FailureReason | null

const session = playSession(scene)
const joins = scene.startsWith("join") || scene.startsWith("trial") || scene === "passcode" || failure !== null

const sessions: Sessions = {
  list: () => Promise.resolve(scene === "empty" ? [] : summaries(scene === "many" ? 200 : 0)),
  create: () => Promise.resolve({ id: demoId, link: demoLink }),
  ahead: () => Promise.resolve(false),
  prepare: () => undefined,
  look: (_id, _secret, passcode) => {
    if (failure) return Promise.reject(new SessionFailure(failure))
    if (scene === "passcode" && passcode !== "1234") return Promise.reject(new SessionFailure("passcode-wrong"))
    return Promise.resolve({
      title: "Follow-up",
      ownName: "",
      hosts: [{ name: "Dr Miriam Roe", identity: scene === "join-changed" ? "changed" : "new" }],
      knock: scene === "join-knock",
      role: "guest",
      label: "",
      ...(scene === "join-agreed" ? { starts: Date.now() + 12 * 60_000 } : {}),
    })
  },
  catchUp: () => Promise.resolve(true),
  knocks: () => Promise.resolve([]),
  notes: playNotes(),
  join: () => Promise.resolve(session),
  keepName: () => Promise.resolve(),
  open: () => Promise.resolve(joins ? undefined : session),
}

const services: Services = {
  sessions: () => Promise.resolve(sessions),
  calls: () => playCalls(scene),
  devices: () => playCalls(scene),
  account: {
    me: () => Promise.resolve(scene === "signed-out" ? undefined : { id: "1", name: "Dr Miriam Roe" }),
    signIn: () => Promise.resolve(scene === "sign-in-unreachable" ? "unreachable" : "refused"),
    signOut: () => Promise.resolve(),
    sessions: () => Promise.resolve(playAccount(scene)),
    deleteSession: () => Promise.resolve(),
  },
}

function addressOf(): string {
  if (["dashboard", "empty", "many", "signed-out", "new"].includes(scene)) return "/"
  if (scene.startsWith("sign-in")) return scene === "sign-in-missing" ? "/sign-in" : "/sign-in#code"
  if (scene === "nowhere") return "/nowhere"
  const fragment = scene === "passcode" ? `${demoLink.split("#")[1] ?? ""}.p` : (demoLink.split("#")[1] ?? "")
  return `/telemedicine/${demoId}#${fragment}`
}

history.replaceState(null, "", addressOf())
path.value = location.pathname
clinicName.value = "Harbour Street Practice"
followHistory()
keepFocus()
await chooseLanguage([query.get("language") ?? "", ...navigator.languages])
/** Changes the words in place. */
Object.assign(window, { speak: (tag: string) => chooseLanguage([tag]) })
const root = document.getElementById("app")
if (root) render(<App services={services} />, root)
