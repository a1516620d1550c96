// Members of MLS groups run by ts-mls, driven over JSON lines: `node ts_mls_peer.mjs path/to/ts-mls`.
// A request is {do, who, ...}, an answer {ms, ...} or {error}; bytes are hex.
import { createInterface } from "node:readline"
import { pathToFileURL } from "node:url"

const mls = await import(pathToFileURL(`${process.argv[2]}/dist/src/index.js`).href)
const codec = await import(pathToFileURL(`${process.argv[2]}/dist/src/groupInfo.js`).href)
const suiteName = "MLS_256_XWING_AES256GCM_SHA512_Ed25519"
const plain = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(suiteName))
const members = new Map()
const packages = new Map()

const hex = (bytes) => Buffer.from(bytes).toString("hex")
const raw = (text) => Uint8Array.from(Buffer.from(text ?? "", "hex"))
const capabilities = { versions: ["mls10"], ciphersuites: [suiteName], extensions: [], proposals: [], credentials: ["basic"] }
const lifetime = { notBefore: 0n, notAfter: 2n ** 64n - 1n }

async function keyPackage(who) {
  const credential = { credentialType: "basic", identity: new TextEncoder().encode(who) }
  const made = packages.get(who) ?? (await mls.generateKeyPackage(credential, capabilities, lifetime, [], suite))
  packages.set(who, made)
  return made
}

// RFC 9420 §12.4.3.2 has a vector header inside external_pub, which ts-mls 1 neither writes nor expects.
const header = raw("44c0")
const withoutHeader = (key) => (key.length === 1216 + header.length ? key.subarray(header.length) : key)
const suite = { ...plain, hpke: { ...plain.hpke, importPublicKey: (key) => plain.hpke.importPublicKey(withoutHeader(key)) } }
const withHeader = (extension) =>
  extension.extensionType === "external_pub"
    ? { ...extension, extensionData: Uint8Array.of(...header, ...extension.extensionData) }
    : extension

const actions = {
  async create({ who, groupId }) {
    const { publicPackage, privatePackage } = await keyPackage(who)
    members.set(who, await mls.createGroup(raw(groupId), publicPackage, privatePackage, [], suite))
  },
  async keyPackage({ who }) {
    const { publicPackage } = await keyPackage(who)
    return { message: hex(mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_key_package", keyPackage: publicPackage })) }
  },
  async join({ who, welcome }) {
    const { publicPackage, privatePackage } = await keyPackage(who)
    const message = mls.decodeMlsMessage(raw(welcome), 0)[0]
    members.set(who, await mls.joinGroup(message.welcome, publicPackage, privatePackage, mls.emptyPskIndex, suite))
  },
  async groupInfo({ who }) {
    const state = members.get(who)
    const info = await mls.createGroupInfoWithExternalPubAndRatchetTree(state, [], suite)
    const right = { ...info, extensions: info.extensions.map(withHeader) }
    const signed = await codec.signGroupInfo(right, state.signaturePrivateKey, suite.signature)
    return { message: hex(mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_group_info", groupInfo: signed })) }
  },
  async joinExternally({ who, groupInfo, resync = false, data }) {
    const { publicPackage, privatePackage } = await keyPackage(who)
    const info = mls.decodeMlsMessage(raw(groupInfo), 0)[0].groupInfo
    const { publicMessage, newState } = await mls.joinGroupExternal(
      info, publicPackage, privatePackage, resync, suite, undefined, undefined, raw(data),
    )
    members.set(who, newState)
    return { message: hex(mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_public_message", publicMessage })) }
  },
  async process({ who, message }) {
    const decoded = mls.decodeMlsMessage(raw(message), 0)[0]
    const result =
      decoded.wireformat === "mls_private_message"
        ? await mls.processPrivateMessage(members.get(who), decoded.privateMessage, mls.emptyPskIndex, suite)
        : await mls.processPublicMessage(members.get(who), decoded.publicMessage, mls.emptyPskIndex, suite)
    members.set(who, result.newState)
    return result.kind === "applicationMessage" ? { data: hex(result.message) } : {}
  },
  async commit({ who, remove = [], add = [], data }) {
    const extraProposals = [
      ...remove.map((removed) => ({ proposalType: "remove", remove: { removed } })),
      ...add.map((each) => ({
        proposalType: "add",
        add: { keyPackage: mls.decodeMlsMessage(raw(each), 0)[0].keyPackage },
      })),
    ]
    const { newState, commit, welcome } = await mls.createCommit(
      { state: members.get(who), cipherSuite: suite },
      { wireAsPublicMessage: true, extraProposals, authenticatedData: raw(data), ratchetTreeExtension: true },
    )
    members.set(who, newState)
    return {
      message: hex(mls.encodeMlsMessage(commit)),
      welcome: welcome && hex(mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_welcome", welcome })),
    }
  },
  async encrypt({ who, text }) {
    const { newState, privateMessage } = await mls.createApplicationMessage(members.get(who), raw(text), suite)
    members.set(who, newState)
    return { message: hex(mls.encodeMlsMessage({ version: "mls10", wireformat: "mls_private_message", privateMessage })) }
  },
  async view({ who, label, context, length }) {
    const { keySchedule, groupContext, privatePath } = members.get(who)
    return {
      epoch: Number(groupContext.epoch),
      leaf: privatePath.leafIndex,
      authenticator: hex(keySchedule.epochAuthenticator),
      exported: hex(await mls.mlsExporter(keySchedule.exporterSecret, label, raw(context), length, suite)),
    }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let answer
  try {
    const start = performance.now()
    const result = await actions[request.do](request)
    answer = { ms: performance.now() - start, ...result }
  } catch (error) {
    answer = { error: String(error) }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
