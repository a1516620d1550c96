import { useSignal } from "@preact/signals"
import { shortWhen } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Invite, type Member, type Participant, type Session } from "../../lib/session/types"
import { CopyButton } from "../CopyButton"
import { Confirm } from "../Dialog"
import { Icon } from "../Icon"
import { LanguageSelect } from "../LanguageSelect"
import { attempt } from "../notices"
import { InviteDialog, type Invited } from "./InviteDialog"
import { clinicians, lookalike } from "./lookalike"
import { useNow } from "./visibility"
import "./people.css"

/** Who is in the visit and by which links more can come; hosts may remove, invite and close. */
export default function ParticipantList({ session }: { session: Session }) {
  const inviting = useSignal<Invited | "anybody" | undefined>(undefined)
  const removed = useSignal<Invited | undefined>(undefined)
  const host = session.self.value?.role === "host" && session.phase.value.kind === "joined"
  const invites = session.invites.value.filter(({ members, open, used }) => members === 0 && (open || !used))
  return (
    <section class="people" aria-label={t("people.title")}>
      <ul class="roster">
        {session.participants.value.map((participant) => (
          <Person
            key={participant.inviteId}
            participant={participant}
            session={session}
            host={host}
            onRemoved={(gone) => void (removed.value = gone)}
          />
        ))}
      </ul>
      <div role="status">
        {host && removed.value && (
          <Removed
            gone={removed.value}
            onInvite={(gone) => {
              inviting.value = gone
              removed.value = undefined
            }}
            onClose={() => void (removed.value = undefined)}
          />
        )}
      </div>
      {host && (
        <>
          <button type="button" class="button" onClick={() => void (inviting.value = "anybody")}>
            <Icon name="add" />
            {t("invite.open")}
          </button>
          {invites.length > 0 && <Links invites={invites} session={session} />}
        </>
      )}
      <LanguageSelect />
      {inviting.value && (
        <InviteDialog
          session={session}
          wanted={inviting.value === "anybody" ? undefined : inviting.value}
          onClose={() => void (inviting.value = undefined)}
        />
      )}
    </section>
  )
}

/** A removal cannot be taken back, but its person can be invited again. */
function Removed({
  gone,
  onInvite,
  onClose,
}: {
  gone: Invited
  onInvite: (gone: Invited) => void
  onClose: () => void
}) {
  return (
    <div class="notice removed">
      <p>
        <Words k="people.removed" name={gone.label} />
      </p>
      <div class="row">
        <button type="button" class="button" onClick={() => onInvite(gone)}>
          {t("people.newLink", { name: gone.label })}
        </button>
        <button type="button" class="button bare" onClick={onClose}>
          {t("action.close")}
        </button>
      </div>
    </div>
  )
}

interface PersonProps {
  participant: Participant
  session: Session
  host: boolean
  onRemoved: (gone: Invited) => void
}

function Person({ participant, session, host, onRemoved }: PersonProps) {
  const removing = useSignal(false)
  const { name, role, label, devices, self } = participant
  const identity = self ? "none" : worst(devices)
  const now = useNow(30_000)
  const remove = async (): Promise<void> => {
    const done = await attempt(() => session.remove(participant.inviteId), t("people.failed"))
    if (done) onRemoved({ label: name, role })
  }
  return (
    <li class="person" data-here={participant.here}>
      <p class="row">
        <span class="role">{t(`role.${role}`)}</span>
        {participant.waiting && !self && <span class="badge">{t("people.waiting")}</span>}
        {identity === "known" && <span class="badge good">{t("identity.known")}</span>}
        {identity === "new" && <span class="badge">{t("identity.new")}</span>}
        {identity === "changed" && <span class="badge bad">{t("identity.changed")}</span>}
        {role === "guest" && lookalike(name, clinicians(session)) && <span class="badge bad">{t("identity.lookalike")}</span>}
      </p>
      <p class="person-name">
        <bdi>{name}</bdi> {self && <span class="quiet">({t("you")})</span>}
        {label && label !== name && (
          <span class="quiet small">
            {" "}
            <bdi>{label}</bdi>
          </span>
        )}
      </p>
      <ul class="devices small">
        {devices.map((device) => (
          <li key={device.id}>
            <span class={device.here ? "dot here" : "dot"} aria-hidden="true" />
            <Words k="people.device" device={device.device} presence={t(device.here ? "people.here" : "people.away")} />{" "}
            <span class="quiet">
              <Words k="people.since" time={shortWhen(device.since, now)} />
            </span>
          </li>
        ))}
      </ul>
      {host && !self && (
        <button
          type="button"
          class="button bare warn person-remove"
          aria-label={t("people.removeName", { name })}
          onClick={() => void (removing.value = true)}
        >
          <Icon name="remove" />
          {t("people.remove")}
        </button>
      )}
      {removing.value && (
        <Confirm
          title={t("people.remove.title", { name })}
          text={<Words k="people.remove.text" name={name} />}
          confirm={t("people.remove")}
          onConfirm={() => void remove()}
          onClose={() => void (removing.value = false)}
        />
      )}
    </li>
  )
}

const order: readonly Member["identity"][] = ["changed", "new", "known", "none"]

/** What is to be said of a person: the least good of what is known of the devices. */
const worst = (devices: readonly Member[]): Member["identity"] =>
  order.find((identity) => devices.some((device) => device.identity === identity)) ?? "none"

function Links({ invites, session }: { invites: readonly Invite[]; session: Session }) {
  const closing = useSignal<Invite | undefined>(undefined)
  const now = useNow(30_000)
  return (
    <>
      <h2>{t("people.invites")}</h2>
      <ul class="links">
        {invites.map((invite) => (
          <li key={invite.id} class="link">
            <p>
              <Icon name="link" /> <bdi>{invite.label || t("people.unlabelled")}</bdi>{" "}
              <span class="quiet small">
                {t(`role.${invite.role}`)} · {linkState(invite, now)}
              </span>
            </p>
            <div class="row">
              {invite.link && invite.open && <CopyButton text={invite.link} label={t("people.copyLink")} />}
              {invite.open && (
                <button type="button" class="button bare warn" onClick={() => void (closing.value = invite)}>
                  {t("people.closeLink")}
                </button>
              )}
            </div>
          </li>
        ))}
      </ul>
      {closing.value && (
        <Confirm
          title={t("people.close.title")}
          text={t("people.close.text")}
          confirm={t("people.closeLink")}
          onConfirm={() => {
            const id = closing.value?.id
            if (id !== undefined) void attempt(() => session.closeInvite(id), t("people.failed"))
          }}
          onClose={() => void (closing.value = undefined)}
        />
      )}
    </>
  )
}

function linkState(invite: Invite, now: number): string {
  if (!invite.open) return t("people.linkClosed")
  if (invite.openedAt !== undefined) return t("people.linkOpened", { time: shortWhen(invite.openedAt, now) })
  return t("people.linkOpen")
}
