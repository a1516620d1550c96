/** The certificate of a peer: that of its signed descriptions, for the life of a connection (docs/protocol.md §7.2). */
import { type Described, DescriptionRefused, isDescribed, readDescription } from "./description.ts"

export class PinnedCertificate {
  #described: Described | undefined

  constructor(private readonly foreign: () => void) {}

  /** Takes a signed description. Throws `DescriptionRefused` when it names another certificate than the one before. */
  pin(sdp: string): void {
    const described = readDescription(sdp)
    const before = this.#described?.fingerprint
    if (before && !before.every((byte, index) => byte === described.fingerprint[index])) {
      throw new DescriptionRefused("another certificate")
    }
    this.#described = described
  }

  /** Checks the transport now and whenever its state changes. Does nothing when it is watched already. */
  watch(transport: RTCDtlsTransport | null | undefined): void {
    if (!transport || transport.onstatechange) return
    const check = (): void => void this.#check(transport)
    transport.onstatechange = check
    check()
  }

  /** DTLS refuses another certificate by itself; where the browser tells the one in use, it is compared once more. */
  async #check(transport: RTCDtlsTransport): Promise<void> {
    if (transport.state === "failed") {
      this.foreign()
      return
    }
    if (transport.state !== "connected" || !this.#described) return
    const certificate = certificateInUse(transport)
    if (certificate && !(await isDescribed(this.#described, certificate))) this.foreign()
  }
}

/** DER, where the browser tells. */
function certificateInUse(transport: RTCDtlsTransport): ArrayBuffer | undefined {
  return (transport as Partial<RTCDtlsTransport>).getRemoteCertificates?.()[0]
}
