// @vitest-environment happy-dom
import { signal } from "@preact/signals"
import { expect, test } from "vitest"
import { t } from "../../i18n/index"
import { type CallPeer, type Calls } from "../../lib/call/types"
import { openSmallWindow } from "./SmallWindow"

const ANN = {
  name: "Ann",
  connection: "connected",
  quality: "good",
  speaking: signal(false),
  picturePaused: false,
  sealed: "yes",
  cameraOff: false,
  sharing: false,
} as CallPeer

/** What the small window says of a call with these. */
async function words(...peers: CallPeer[]): Promise<string> {
  const page = document.implementation.createHTMLDocument()
  const opened = { document: page, addEventListener: () => undefined }
  Object.assign(window, { documentPictureInPicture: { window: opened } })
  const state = { kind: "connecting", call: "c" }
  await openSmallWindow({ peers: signal(peers), state: signal(state), muted: signal(false) } as unknown as Calls)
  return page.body.textContent
}

test.each<[string, Partial<CallPeer>, string]>([
  ["whose line is gone", { connection: "reconnecting", quality: "gone" }, t("call.quality.gone")],
  ["whose picture is held back by the line", { picturePaused: true }, t("call.line.theirPaused", { name: "Ann" })],
  ["whose picture is off", { cameraOff: true }, t("call.noPicture", { name: "Ann" })],
  ["whose picture cannot be opened", { sealed: "cannot-be-opened" }, t("call.unopenable")],
  ["at whom it rings", { connection: "ringing" }, t("call.ringing")],
])("the small window says of somebody %s that it is so", async (_, now, sentence) => {
  expect(await words({ ...ANN, ...now })).toContain(sentence)
})

test("the small window says what is waited for where nobody is in the call yet", async () => {
  expect(await words()).toContain(t("call.connecting"))
})
