/** Each rule of docs/protocol.md §3.4, broken by a member, a guest, an outsider or the server. */
import { type LeafNode, type Proposal } from "ts-mls"
import { describe, expect, test, vi } from "vitest"
import { type Bytes, concat, secureRandom, toBase64Url, utf8 } from "./bytes.ts"
import { type CommitData, encodeCommitData, signJoin } from "./commitData.ts"
import { makeCommit, newInvite, type Policy, withInvite, withInviteClosed, withoutInvite } from "./e2ee.ts"
import { epochAuthenticator, leafTemplate } from "./group.ts"
import { openGroupInfo, makeGroupInfo } from "./groupInfo.ts"
import { makeIdentity } from "./identity.ts"
import { encodeJson } from "./json.ts"
import { encodePolicy } from "./policy.ts"
import { publicKeyOf } from "./signature.ts"
import { type VoidCause } from "./validity.ts"
import {
  type Device,
  enter,
  type Forgery,
  forgeCommit,
  forgeJoin,
  type Log,
  postCommit,
  startPair,
  startVisit,
} from "./visit.fixture.ts"

// Post-quantum keys by the dozen take their time on a busy machine.
vi.setConfig({ testTimeout: 30_000 })

/** The last entry was void for that cause, in the same way for all, and changed nothing but the chain. */
async function expectVoid(devices: readonly Device[], cause: VoidCause): Promise<void> {
  for (const device of devices) {
    const before = device.state
    const event = await device.follow()
    expect(event).toMatchObject({ kind: "void", cause })
    const after = device.state
    expect(after.epoch).toBe(before.epoch)
    expect(after.records).toBe(before.records)
    expect(after.used).toBe(before.used)
    expect(after.head.seq).toBe(device.log.entries.length)
    expect(after.lastCommit).toBe(after.head.seq)
  }
}

/** Those who saw a void commit go on together. */
async function expectTogether(host: Device, guest: Device): Promise<void> {
  await guest.text("still here")
  expect(await host.follow()).toMatchObject({ kind: "message", payload: { text: "still here" } })
  await host.commit()
  await guest.follow()
  expect(epochAuthenticator(guest.group)).toEqual(epochAuthenticator(host.group))
}

function dataOf(device: Device, more: Partial<CommitData> = {}): Bytes {
  return encodeCommitData({ at: device.state.head, ...more })
}

const psk: Proposal = {
  proposalType: "psk",
  psk: {
    preSharedKeyId: { psktype: "external", pskId: Uint8Array.of(1), pskNonce: new Uint8Array(64) },
  },
}

describe("a commit by a member", () => {
  async function byHost(cause: VoidCause, make: (host: Device, guest: Device) => Promise<Bytes>) {
    const { host, guest } = await startPair()
    await postCommit(host, await make(host, guest))
    await expectVoid([host, guest], cause)
    await expectTogether(host, guest)
  }

  // Guests' commits, seen by the host and by themselves.
  async function byGuest(cause: VoidCause, forgery: (guest: Device, host: Device) => Promise<Forgery> | Forgery) {
    const { host, guest } = await startPair()
    await postCommit(guest, await forgeCommit(guest.group, await forgery(guest, host)))
    await expectVoid([host, guest], cause)
    await expectTogether(host, guest)
  }

  test("that takes the place of a pending one ends it, as a valid one would", async () => {
    const { log, host, guest } = await startPair()
    host.state = (await makeCommit(host.state)).state
    log.add("commit", toBase64Url(secureRandom(16)), secureRandom(512))
    await expectVoid([host, guest], "does-not-open")
    expect(host.state.pending).toBeUndefined()
    await expectTogether(host, guest)
  })

  test("that does not open is void", async () => {
    const { log, host, guest } = await startPair()
    log.add("commit", toBase64Url(secureRandom(16)), secureRandom(512))
    await expectVoid([host, guest], "does-not-open")
  })

  test("sealed for another entry id is void", async () => {
    const { log, host, guest } = await startPair()
    const entry = await postCommit(host, await forgeCommit(host.group, { data: dataOf(host) }))
    log.entries.splice(-1, 1, { ...entry, id: toBase64Url(secureRandom(16)) })
    await expectVoid([host, guest], "does-not-open")
  })

  test("with bytes behind it is void", () =>
    byHost("malformed", async (host) => {
      return concat(await forgeCommit(host.group, { data: dataOf(host) }), Uint8Array.of(0))
    }))

  test("of another version or wire format is void", () =>
    byHost("malformed", async (host) => {
      const message = await forgeCommit(host.group, { data: dataOf(host) })
      message[3] = 2
      return message
    }))

  test("that is no MLS message is void", () => byHost("malformed", () => Promise.resolve(utf8("commit"))))

  test("of another epoch is void", () =>
    byHost("wrong-group", (host) => forgeCommit(host.group, { data: dataOf(host), epoch: 7n })))

  test("with commit data that are not compact is void", () =>
    byHost("commit-data", (host) => forgeCommit(host.group, { data: utf8('{"at": []}') })))

  test("with a member too many in its commit data is void", () =>
    byHost("commit-data", (host) =>
      forgeCommit(host.group, { data: encodeJson({ at: [0, toBase64Url(host.state.head.h)], more: 1 }) }),
    ))

  test("that knows the log up to itself is void", () =>
    byHost("position", (host) =>
      forgeCommit(host.group, { data: encodeCommitData({ at: { ...host.state.head, seq: host.state.head.seq + 1 } }) }),
    ))

  test("with a proposal by reference is void", () =>
    byHost("by-reference", (host) => forgeCommit(host.group, { data: dataOf(host), byReference: true })))

  test("without a path is void", () =>
    byHost("no-path", (host) => forgeCommit(host.group, { data: dataOf(host), withoutPath: true })))

  test("with other capabilities in its leaf is void", () =>
    byHost("leaf", (host) =>
      forgeCommit(host.group, {
        data: dataOf(host),
        leaf: {
          capabilities: {
            versions: ["mls10"],
            ciphersuites: ["MLS_256_XWING_AES256GCM_SHA512_Ed25519"],
            extensions: [0xf000],
            proposals: [],
            credentials: ["basic"],
          },
        },
      }),
    ))

  test("with an extension in its leaf is void", () =>
    byHost("leaf", (host) =>
      forgeCommit(host.group, {
        data: dataOf(host),
        leaf: { extensions: [{ extensionType: "application_id", extensionData: Uint8Array.of(1) }] } ,
      }),
    ))

  test("with an identity out of shape is void", () =>
    byHost("identity", (host) =>
      forgeCommit(host.group, {
        data: dataOf(host),
        leaf: { credential: { credentialType: "basic", identity: utf8('{"name":"Dr Roe"}') } },
      }),
    ))

  test("with a known key that did not sign this leaf is void", () =>
    byHost("identity", (host) => {
      const known = { key: toBase64Url(secureRandom(32)), signature: toBase64Url(secureRandom(64)) }
      const identity = encodeJson({ name: "Dr Roe", device: "x", invite: host.state.self.invite, known })
      return forgeCommit(host.group, {
        data: dataOf(host),
        leaf: { credential: { credentialType: "basic", identity } },
      })
    }))

  test("with a join is void", () =>
    byHost("join-in-member-commit", async (host) => {
      const signature = await signJoin(host.keys, 1, host.group.seed)
      return forgeCommit(host.group, { data: dataOf(host, { join: { invite: host.keys.id, signature } }) })
    }))

  test("that changes the leaf's invite is void", () =>
    byGuest("leaf-changed", (guest, host) => ({
      data: dataOf(guest),
      leaf: {
        credential: {
          credentialType: "basic",
          identity: encodeJson({ name: "Pat", device: "Chrome", invite: host.state.self.invite }),
        },
      },
    })))

  test("that changes the leaf's signature key is void", () =>
    byGuest("leaf-changed", async (guest) => {
      const seed = secureRandom(32)
      // The leaf is signed by the old key, whose owner sends the message; the new one is only claimed.
      return { data: dataOf(guest), leaf: { signaturePublicKey: await publicKeyOf(seed) } }
    }))

  test("with a proposal other than Remove is void", () =>
    byHost("proposal", (host) => forgeCommit(host.group, { data: dataOf(host), proposals: [psk] })))

  test("by a guest that removes is void", () =>
    byGuest("not-a-host", (guest) => ({
      data: dataOf(guest),
      proposals: [{ proposalType: "remove", remove: { removed: 0 } }],
    })))

  test("by a guest that brings a policy is void", () =>
    byGuest("not-a-host", (guest) => ({ data: dataOf(guest, { policy: guest.state.epoch!.policyBytes }) })))

  test("that removes nobody is void", () =>
    byHost("mls", (host) =>
      forgeCommit(host.group, { data: dataOf(host), proposals: [{ proposalType: "remove", remove: { removed: 9 } }] }),
    ))

  test("that removes its own committer is void", () =>
    byHost("mls", (host) =>
      forgeCommit(host.group, { data: dataOf(host), proposals: [{ proposalType: "remove", remove: { removed: 0 } }] }),
    ))

  test("with a wrong membership tag is void", () =>
    byHost("mls", (host) => forgeCommit(host.group, { data: dataOf(host), membershipKey: secureRandom(64) })))

  test("signed by another key is void", () =>
    byHost("mls", (host) => forgeCommit(host.group, { data: dataOf(host), signer: secureRandom(32) })))

  test("with a wrong confirmation tag is void to those who follow it", async () => {
    const { host, guest } = await startPair()
    await postCommit(host, await forgeCommit(host.group, { data: dataOf(host) }))
    await expectVoid([guest], "mls")
  })

  test("with a public key that nobody could encapsulate to is void", () =>
    byHost("mls", (host) =>
      forgeCommit(host.group, {
        data: dataOf(host),
        changePath: (path) => ({
          ...path,
          nodes: path.nodes.map((node) => ({ ...node, hpkePublicKey: new Uint8Array(1216).fill(255) })),
        }),
      }),
    ))

  test("with a key that is in the tree already is void", () =>
    byHost("mls", (host, guest) =>
      forgeCommit(host.group, {
        data: dataOf(host),
        changePath: (path) => ({
          ...path,
          nodes: path.nodes.map((node) => ({ ...node, hpkePublicKey: otherLeafKey(guest) })),
        }),
      }),
    ))

  test("with a ciphertext too many is void", () =>
    byHost("mls", (host) =>
      forgeCommit(host.group, {
        data: dataOf(host),
        changePath: (path) => ({
          ...path,
          nodes: path.nodes.map((node) => ({
            ...node,
            encryptedPathSecret: [...node.encryptedPathSecret, ...node.encryptedPathSecret],
          })),
        }),
      }),
    ))

  test("whose path secret does not open is void here, and says so", async () => {
    const { host, guest } = await startPair()
    const forgery: Forgery = {
      data: dataOf(host),
      changePath: (path) => ({
        ...path,
        nodes: path.nodes.map((node) => ({
          ...node,
          encryptedPathSecret: node.encryptedPathSecret.map((each) => ({ ...each, ciphertext: secureRandom(80) })),
        })),
      }),
    }
    await postCommit(host, await forgeCommit(host.group, forgery))
    await expectVoid([guest], "path")
  })

  test("names the member that sent it", async () => {
    const { host, guest } = await startPair()
    const proposals: Proposal[] = [{ proposalType: "remove", remove: { removed: 0 } }]
    await postCommit(guest, await forgeCommit(guest.group, { data: dataOf(guest), proposals }))
    expect(await host.follow()).toMatchObject({ sender: { memberId: guest.state.self.memberId, name: "Pat" } })
  })
})

function otherLeafKey(device: Device): Uint8Array {
  const node = device.group.tree[2 * device.state.self.leaf]
  if (node?.nodeType !== "leaf") throw new Error("no leaf")
  return node.leaf.hpkePublicKey
}

describe("a policy that may not follow makes its commit void:", () => {
  const cases: [string, (policy: Policy, guest: string) => Policy | Promise<Policy>][] = [
    ["a member's invite is gone", (policy, guest) => withoutInvite(policy, guest)],
    ["the committer's invite is gone", (policy) => withoutInvite(policy, policy.invites[0]!.id)],
    ["an invite changes its role", (policy, guest) => changed(policy, guest, { role: "host" })],
    ["an invite changes its join key", (policy, guest) => changed(policy, guest, { join: policy.invites[0]!.join })],
    ["an invite changes its box key", (policy, guest) => changed(policy, guest, { box: policy.invites[0]!.box })],
    ["an invite changes its beginning", (policy, guest) => changed(policy, guest, { since: 1 })],
    [
      "a new invite begins in another epoch",
      async (policy) => {
        const { invite } = await newInvite("AAAAAAAAAAAAAAAAAAAAAA", { role: "guest", label: "" }, 1)
        return withInvite(policy, invite)
      },
    ],
  ]

  function changed(policy: Policy, id: string, change: Partial<Policy["invites"][number]>): Policy {
    return { ...policy, invites: policy.invites.map((each) => (each.id === id ? { ...each, ...change } : each)) }
  }

  test.each(cases)("%s", async (_, change) => {
    const { host, guest } = await startPair()
    const policy = await change(host.state.epoch!.policy, guest.state.self.invite)
    const encoded = policy.invites.some(({ role }) => role === "host") ? encodePolicy(policy) : encodeJson(policy)
    await postCommit(host, await forgeCommit(host.group, { data: dataOf(host, { policy: encoded }) }))
    await expectVoid([host, guest], "policy")
    await expectTogether(host, guest)
  })

  test("bytes that are no policy", async () => {
    const { host, guest } = await startPair()
    await postCommit(host, await forgeCommit(host.group, { data: dataOf(host, { policy: utf8("{}") }) }))
    await expectVoid([host, guest], "policy")
  })
})

describe("an external commit", () => {
  interface Outsider {
    readonly seed: Bytes
    readonly key: Bytes
    readonly leaf: LeafNode
  }

  async function outsider(host: Device, invite: string, seed = secureRandom(32)): Promise<Outsider> {
    const key = await publicKeyOf(seed)
    const identity = await makeIdentity(host.state.sessionId, invite, { name: "Eve", device: "x" }, key)
    const leaf = { ...(await leafTemplate({ seed, identity })), leafNodeSource: "commit" } as LeafNode
    return { seed, key, leaf }
  }

  async function infoOf(host: Device) {
    return openGroupInfo(await makeGroupInfo(host.group), host.state.sessionId, host.state.epoch!.n)
  }

  type Extra = Partial<Parameters<typeof forgeJoin>[2]>

  /** Joins by `invite` with a right join signature, but for what `extra` changes. */
  async function forged(host: Device, keys: Device["keys"], own: Outsider, extra: Extra = {}): Promise<Bytes> {
    const signature = await signJoin(keys, host.state.epoch!.n, own.key)
    const data = encodeCommitData({ at: host.state.head, join: { invite: keys.id, signature } })
    return forgeJoin(await infoOf(host), own, { data, ...extra })
  }

  async function check(
    cause: VoidCause,
    make: (scene: Awaited<ReturnType<typeof startPair>>) => Promise<Bytes>,
  ): Promise<void> {
    const scene = await startPair()
    await postCommit(scene.host, await make(scene))
    await expectVoid([scene.host, scene.guest], cause)
    await expectTogether(scene.host, scene.guest)
  }

  test("without ExternalInit is void", () =>
    check("external-shape", async ({ host, guest }) =>
      forged(host, guest.keys, await outsider(host, guest.keys.id), { inits: 0 }),
    ))

  test("with two ExternalInits is void", () =>
    check("external-shape", async ({ host, guest }) =>
      forged(host, guest.keys, await outsider(host, guest.keys.id), { inits: 2 }),
    ))

  test("that removes two is void", () =>
    check("external-shape", async ({ host, guest }) =>
      forged(host, guest.keys, await outsider(host, guest.keys.id), { removes: [1, 0] }),
    ))

  test("with another proposal beside is void", () =>
    check("external-shape", async ({ host, guest }) =>
      forged(host, guest.keys, await outsider(host, guest.keys.id), { proposals: [psk] }),
    ))

  test("without a join is void", () =>
    check("join-missing", async ({ host, guest }) =>
      forgeJoin(await infoOf(host), await outsider(host, guest.keys.id), { data: dataOf(host) }),
    ))

  test("with a policy is void", () =>
    check("policy", async ({ host, guest }) => {
      const own = await outsider(host, guest.keys.id)
      const join = { invite: guest.keys.id, signature: await signJoin(guest.keys, 1, own.key) }
      return forgeJoin(await infoOf(host), own, { data: dataOf(host, { join, policy: host.state.epoch!.policyBytes }) })
    }))

  test("by an invite that is not in the policy is void", () =>
    check("invite-unknown", async ({ host }) => {
      const { keys } = await newInvite(host.state.sessionId, { role: "host", label: "" }, 1)
      return forged(host, keys, await outsider(host, keys.id))
    }))

  test("by another invite than the leaf's is void", () =>
    check("invite-unknown", async ({ host, guest }) => forged(host, guest.keys, await outsider(host, host.keys.id))))

  test("by the server, which has no join key, is void", () =>
    check("join-signature", async ({ host, guest }) => {
      const { join } = (await newInvite(host.state.sessionId, { role: "host", label: "" }, 1)).keys
      return forged(host, { ...guest.keys, join }, await outsider(host, guest.keys.id))
    }))

  test("with a join signature of another epoch is void", () =>
    check("join-signature", async ({ host, guest }) => {
      const own = await outsider(host, guest.keys.id)
      const join = { invite: guest.keys.id, signature: await signJoin(guest.keys, 0, own.key) }
      return forgeJoin(await infoOf(host), own, { data: dataOf(host, { join }) })
    }))

  test("by a closed invite is void", async () => {
    const { host, guest } = await startPair()
    await host.commit({ policy: withInviteClosed(host.state.epoch!.policy, guest.keys.id) })
    await guest.follow()
    await postCommit(host, await forged(host, guest.keys, await outsider(host, guest.keys.id)))
    await expectVoid([host, guest], "invite-closed")
  })

  test("by an invite whose places are taken is void", async () => {
    const visit = await startVisit({ invites: [{ role: "guest", label: "", devices: 1 }] })
    const guest = await enter(visit.log, visit.invites[1]!, "Pat")
    await visit.host.follow()
    await postCommit(visit.host, await forged(visit.host, guest.keys, await outsider(visit.host, guest.keys.id)))
    await expectVoid([visit.host, guest], "invite-full")
  })

  test("with the signature key of a member is void", () =>
    check("key-in-use", async ({ host, guest }) =>
      forged(host, guest.keys, await outsider(host, guest.keys.id, guest.group.seed)),
    ))

  test("that removes somebody else is void", () =>
    check("resync-mismatch", async ({ host, guest }) =>
      forged(host, guest.keys, await outsider(host, guest.keys.id), { removes: [0] }),
    ))

  test("that removes one's own leaf but by another invite is void", () =>
    check("resync-mismatch", async ({ host, guest }) =>
      forged(host, host.keys, await outsider(host, host.keys.id, guest.group.seed), { removes: [1] }),
    ))

  test("with a wrong confirmation tag is void", () =>
    check("mls", async ({ host, guest }) => forged(host, guest.keys, await outsider(host, guest.keys.id))))

  test("names the invite once its join signature holds", async () => {
    const { host, guest } = await startPair()
    await postCommit(host, await forged(host, guest.keys, await outsider(host, guest.keys.id)))
    expect(await host.follow()).toMatchObject({ sender: undefined, invite: { label: "patient" } })
  })
})

test("an entry with a wrong parent is void whatever it holds", async () => {
  const { log, host, guest } = await startPair()
  const message = await guest.text("late")
  replaceLast(log, { ...message, parent: 0 })
  for (const device of [host, guest]) expect(await device.follow()).toEqual({ kind: "wrong-parent" })
})

test("a valid commit put under a wrong parent is void, and what follows counts from it", async () => {
  const { log, host, guest } = await startPair()
  await guest.text("before")
  const entry = await host.commit()
  const late = { ...entry, seq: entry.seq + 1, parent: 0 }
  log.entries.push(late)
  expect(await guest.follow()).toEqual({ kind: "wrong-parent" })
  expect(guest.state.lastCommit).toBe(late.seq)
})

function replaceLast(log: Log, entry: Log["entries"][number]): void {
  log.entries.splice(-1, 1, entry)
}
