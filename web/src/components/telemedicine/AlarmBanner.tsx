import { useSignal } from "@preact/signals"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Alarm, type Session } from "../../lib/session/types"
import { Confirm } from "../Dialog"
import { Icon } from "../Icon"
import { causeWords } from "./causes"
import "./alarm.css"

/** Real danger, across the page. Those that stop the sending stay; the others go after being read and confirmed. */
export function AlarmBanner({ session }: { session: Session }) {
  const read = useSignal<ReadonlySet<string>>(new Set())
  const asked = useSignal<string | undefined>(undefined)
  const each = new Map(session.alarms.value.map((alarm) => [keyOf(alarm), alarm]))
  const alarms = [...each.values()].filter((alarm) => !read.value.has(keyOf(alarm)))
  return (
    <div class="alarms">
      {alarms.map((alarm) => (
        <section key={keyOf(alarm)} class="alarm" role="alert" data-alarm={alarm.kind}>
          <Icon name="alarm" />
          <div>
            <h2>
              <Title alarm={alarm} />
            </h2>
            <p>
              {alarm.kind === "rolled-back" ? <RolledBack session={session} /> : <Explanation alarm={alarm} />}
            </p>
          </div>
          {alarm.kind === "rolled-back" && session.carrying.value === "offered" && (
            <button type="button" class="button" onClick={() => void session.carryOn()}>
              {t("alarm.carry.on")}
            </button>
          )}
          {!alarm.stops && (
            <button type="button" class="button" onClick={() => void (asked.value = keyOf(alarm))}>
              {t("alarm.acknowledge")}
            </button>
          )}
        </section>
      ))}
      {asked.value !== undefined && (
        <Confirm
          title={t("alarm.acknowledge.confirm")}
          text={t("alarm.acknowledge.text")}
          confirm={t("alarm.acknowledge")}
          danger={false}
          onConfirm={() => void (read.value = new Set([...read.value, asked.value ?? ""]))}
          onClose={() => void (asked.value = undefined)}
        />
      )}
    </div>
  )
}

/** What stops the sending is said once, however many entries are wrong. */
const keyOf = (alarm: Alarm): string =>
  `${alarm.kind} ${"seq" in alarm && !alarm.stops ? alarm.seq : ""} ${"who" in alarm ? alarm.who : ""}`

function Title({ alarm }: { alarm: Alarm }) {
  if (alarm.kind === "contradiction") {
    // To a patient a clinician's word stands for what everybody else was shown.
    if (alarm.role === "host") return <>{t("alarm.fork.title")}</>
    return <Words k="alarm.contradiction.title" who={alarm.who} role={t("role.guest")} />
  }
  if (alarm.kind === "identity-changed") return <Words k="alarm.identity-changed.title" who={alarm.who} />
  return <>{t(`alarm.${alarm.kind}.title`)}</>
}

/** What can be done about it, and how far that is. */
function RolledBack({ session }: { session: Session }) {
  const carrying = session.carrying.value
  if (carrying === undefined) return <>{t("alarm.fork.text")}</>
  if (carrying === "offered") return <>{t("alarm.rolled-back.text")}</>
  if (carrying.kind === "going") return <Words k="alarm.carry.going" count={carrying.left} />
  return <Words k="alarm.carry.waits" who={carrying.who ?? t("somebody")} />
}

function Explanation({ alarm }: { alarm: Exclude<Alarm, { kind: "rolled-back" }> }) {
  switch (alarm.kind) {
    case "void-commit":
      return <Words k="alarm.void-commit.text" who={alarm.who || t("somebody")} cause={causeWords(alarm.cause)} />
    case "foreign-fingerprint":
      return <Words k="alarm.foreign-fingerprint.text" who={alarm.who} />
    case "unsealed-media":
      return <Words k="alarm.unsealed-media.text" who={alarm.who} />
    case "contradiction":
      return alarm.role === "host" ? <>{t("alarm.fork.text")}</> : <Words k="alarm.contradiction.text" who={alarm.who} />
    case "fork":
    case "wrong-parent":
    case "identity-changed":
      return <>{t(`alarm.${alarm.kind}.text`)}</>
  }
}
