import { type ComponentChildren } from "preact"
import { bitrate, milliseconds, share } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type CallPeer } from "../../lib/call/types"
import { Dialog } from "../Dialog"
import { connectionWords } from "./callWords"

/** The line to one other in numbers, for who asks. */
export default function LineDetails({ peer, onClose }: { peer: CallPeer; onClose: () => void }) {
  const { roundTrip, lostHere, lostThere, received, sent, route } = peer.line.value
  return (
    <Dialog title={t("line.title", { name: peer.name })} onClose={onClose}>
      <dl class="line-numbers">
        <Number label={t("line.state")}>{connectionWords(peer)}</Number>
        <Number label={t("line.received")}>{bitrate(received)}</Number>
        <Number label={t("line.sent")}>{bitrate(sent)}</Number>
        <Number label={t("line.lost")}>
          <Words k="line.lostBoth" here={share(lostHere)} there={share(lostThere)} />
        </Number>
        <Number label={t("line.roundTrip")}>{roundTrip === undefined ? t("line.unknown") : milliseconds(roundTrip)}</Number>
        <Number label={t("line.route")}>{t(route === undefined ? "line.unknown" : `line.route.${route}`)}</Number>
        <Number label={t("line.sealed")}>{t(`line.sealed.${peer.sealed}`)}</Number>
      </dl>
    </Dialog>
  )
}

function Number({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}
