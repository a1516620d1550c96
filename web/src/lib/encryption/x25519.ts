/** X25519 (RFC 7748) by the browser: quicker than in script, and beside the page's own thread. */
import { type Bytes, concat, owned } from "./bytes.ts"

// PrivateKeyInfo of an X25519 key (RFC 8410) up to the key itself.
const pkcs8Front = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20)

/** The shared secret of a private and a public key, 32 bytes each. Rejects where it is all zero. */
export async function x25519(secret: Uint8Array, key: Uint8Array): Promise<Bytes> {
  const [own, other] = await Promise.all([
    crypto.subtle.importKey("pkcs8", concat(pkcs8Front, secret), "X25519", false, ["deriveBits"]),
    crypto.subtle.importKey("raw", owned(key), "X25519", false, []),
  ])
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: other }, own, 256))
}
