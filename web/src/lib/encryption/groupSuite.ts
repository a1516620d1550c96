/** The one cipher suite, as ts-mls wants it: MLS_256_XWING_AES256GCM_SHA512_Ed25519 (docs/protocol.md §2). */
import { type CiphersuiteImpl, type PrivateKey, type PublicKey } from "ts-mls"
import { type Bytes, equal, owned, type Random, secureRandom } from "./bytes.ts"
import { hkdfExpand, hkdfExtract, hash, hashNow } from "./seal.ts"
import { deriveKeyPair, hpkeExport, hpkeImport, hpkeOpenFrom, hpkeSealTo } from "./hpke.ts"
import { publicKeyOf, signRaw, verifyRaw } from "./signature.ts"
import { hmac } from "@noble/hashes/hmac.js"
import { sha512 } from "@noble/hashes/sha2.js"

export const suiteName = "MLS_256_XWING_AES256GCM_SHA512_Ed25519"
/** Bytes of each secret of the key schedule. */
export const secretSize = 64

// ts-mls hands keys through without looking into them; here they are their bytes.
const asPublic = (key: Uint8Array) => key as unknown as PublicKey
const asPrivate = (seed: Uint8Array) => seed as unknown as PrivateKey
const bytesOf = (key: PublicKey | PrivateKey) => key as unknown as Bytes

const noBytes = new Uint8Array()
const notHere = () => Promise.reject(new Error("not part of this suite's use"))

function mac(key: Uint8Array, data: Uint8Array): Bytes {
  return owned(hmac(sha512, key, data))
}

function suiteWith(random: Random): CiphersuiteImpl {
  const pair = async (material: Uint8Array) => {
    const { seed, key } = await deriveKeyPair(material)
    return { privateKey: asPrivate(seed), publicKey: asPublic(key) }
  }
  return {
    name: suiteName,
    rng: { randomBytes: random },
    hash: {
      digest: (data) => (data.length > 4096 ? hash(data) : Promise.resolve(hashNow(data))),
      mac: (key, data) => Promise.resolve(mac(key, data)),
      verifyMac: (key, tag, data) => Promise.resolve(equal(mac(key, data), tag)),
    },
    kdf: {
      size: secretSize,
      extract: (salt, secret) => Promise.resolve(hkdfExtract(salt, secret)),
      expand: (secret, info, length) => Promise.resolve(hkdfExpand(secret, info, length)),
    },
    signature: {
      sign: signRaw,
      verify: verifyRaw,
      keygen: async () => {
        const signKey = random(32)
        return { signKey, publicKey: await publicKeyOf(signKey) }
      },
    },
    hpke: {
      keyLength: 32,
      nonceLength: 12,
      importPrivateKey: (seed) => Promise.resolve(asPrivate(seed)),
      importPublicKey: (key) => Promise.resolve(asPublic(key)),
      exportPrivateKey: (key) => Promise.resolve(bytesOf(key)),
      exportPublicKey: (key) => Promise.resolve(bytesOf(key)),
      deriveKeyPair: pair,
      generateKeyPair: () => pair(random(32)),
      seal: (key, plain, info, aad = noBytes) => hpkeSealTo(bytesOf(key), info, aad, plain, random),
      open: (key, enc, ct, info, aad = noBytes) =>
        hpkeOpenFrom(bytesOf(key), info, aad, { enc: owned(enc), ct: owned(ct) }),
      exportSecret: (key, context, length, info) => hpkeExport(bytesOf(key), info, context, length, random),
      importSecret: (key, context, enc, length, info) => hpkeImport(bytesOf(key), enc, info, context, length),
      encryptAead: notHere,
      decryptAead: notHere,
    },
  }
}

const secureSuite = suiteWith(secureRandom)

export function suiteOf(random: Random): CiphersuiteImpl {
  return random === secureRandom ? secureSuite : suiteWith(random)
}
