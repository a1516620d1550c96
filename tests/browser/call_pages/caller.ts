/** A page with the real call modules and nothing else of the client. */
import { effect, signal } from "@preact/signals"
import { createCalls } from "../../../web/src/lib/call/index.ts"
import { type CallPeer } from "../../../web/src/lib/call/types.ts"
import { type Participant } from "../../../web/src/lib/session/types.ts"
import { openLine, whoAmI } from "./line.ts"
import { soundOf, watch } from "./senses.ts"

const me = whoAmI()
const line = openLine(me)
const members = signal<readonly Participant[]>([])
line.setKeys([[1, 7]])
const calls = createCalls(line.line, { participants: members })

const seen = new Map<string, string>()
effect(() => {
  for (const peer of calls.peers.value) {
    for (const [what, stream] of Object.entries({ camera: peer.cameraStream, screen: peer.screenStream })) {
      if (stream) watch(`${peer.name}/${what}`, stream)
    }
    if (peer.audioStream) soundOf(peer.name, peer.audioStream)
    seen.set(peer.name, peer.key)
  }
})

const peer = (name: string): CallPeer | undefined => calls.peers.value.find((other) => other.name === name)

/** What the test asks and does. */
Object.assign(window, {
  calls,
  line,
  peerNamed: (name: string) => {
    const found = peer(name)
    return found && {
      connection: found.connection,
      quality: found.quality,
      sealed: found.sealed,
      muted: found.muted,
      cameraOff: found.cameraOff,
      sharing: found.sharing,
      level: found.level.value,
    }
  },
  setMembers: (names: string[]) => {
    members.value = names.map((name) => ({
      inviteId: name, role: "guest", label: name, name, self: name === me.memberId, here: true,
      devices: [{ id: name, leaf: 0, name, device: "", role: "guest", inviteId: name, identity: "none",
        self: name === me.memberId, here: true, since: 0 }],
    }))
  },
})
document.body.dataset["ready"] = "yes"
