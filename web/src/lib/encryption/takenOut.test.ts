/**
 * Each of these attacks fails for one check; with that check taken out of the client, in this test only, it succeeds.
 * Nothing in the client can be switched off: the module that holds the check is another one here.
 */
import { afterEach, describe, expect, test, vi } from "vitest"
import type * as Bytewise from "./bytes.ts"
import type * as Client from "./e2ee.ts"
import type * as Sealing from "./message.ts"
import type * as Fixture from "./visit.fixture.ts"

interface Stage {
  fixture: typeof Fixture
  client: typeof Client
  bytes: typeof Bytewise
  sealing: typeof Sealing
}

/** The client with one export of one of its modules in the place of another. */
async function stage(module?: string, instead: Record<string, unknown> = {}): Promise<Stage> {
  vi.resetModules()
  if (module !== undefined) {
    vi.doMock(module, async (original) => ({ ...(await original<Record<string, unknown>>()), ...instead }))
  }
  return {
    fixture: await import("./visit.fixture.ts"),
    client: await import("./e2ee.ts"),
    bytes: await import("./bytes.ts"),
    sealing: await import("./message.ts"),
  }
}

/** Answers whether the attack had its way. */
type Attack = (stage: Stage) => Promise<boolean>

const twoStories: Attack = async ({ fixture, bytes }) => {
  const { log, host, guest } = await fixture.startPair()
  const other = new fixture.Log(log)
  other.entries.push(...log.entries)
  const left = new fixture.Device(other, guest.state, guest.keys)
  await host.text("kept from the guest")
  await host.follow()
  other.add("chat", bytes.toBase64Url(bytes.secureRandom(16)), bytes.secureRandom(400))
  await left.follow()
  const spoken = await left.text("hello?")
  log.entries.push({ ...spoken, seq: log.entries.length + 1 })
  const event = await host.follow()
  return event?.kind === "message" && host.forks.length === 0
}

const rewritten: Attack = async ({ fixture, client, bytes }) => {
  const { log, host, guest } = await fixture.startPair()
  await guest.text("one")
  await host.follow()
  const told = log.entries[1]
  if (told === undefined) throw new Error("no entry")
  const { fork } = await client.applyEntry(host.state, { ...told, body: bytes.secureRandom(300) }, 0)
  return fork === undefined
}

const inTheHostsName: Attack = async ({ fixture, bytes, sealing }) => {
  const { log, host, guest } = await fixture.startPair()
  const { epoch, sessionId, head, lastCommit } = guest.state
  if (epoch === undefined) throw new Error("not in")
  const asHost = { ...epoch, group: { ...epoch.group, leaf: host.group.leaf } }
  const fields = { kind: "chat" as const, parent: lastCommit, id: bytes.toBase64Url(bytes.secureRandom(16)) }
  const payload = { type: "text" as const, message: bytes.toBase64Url(bytes.secureRandom(16)), text: "take ten" }
  log.add("chat", fields.id, await sealing.sealMessage(sessionId, asHost, fields, head, payload, 0))
  const event = await guest.follow()
  return event?.kind === "message" && event.sender.role === "host"
}

describe("an attack succeeds only with the check taken out:", () => {
  afterEach(() => {
    vi.doUnmock("./log.ts")
    vi.doUnmock("./signature.ts")
    vi.resetModules()
  })

  const checks: [string, Attack, string, Record<string, unknown>][] = [
    ["two stories, `agrees`", twoStories, "./log.ts", { agrees: () => true }],
    ["what was read is rewritten, `holds`", rewritten, "./log.ts", { holds: () => true }],
    ["a message in the host's name, `verify`", inTheHostsName, "./signature.ts", { verify: () => Promise.resolve(true) }],
  ]
  test.each(checks)("%s", async (_, attack, module, instead) => {
    expect(await attack(await stage())).toBe(false)
    expect(await attack(await stage(module, instead))).toBe(true)
  })
})
