/** STUN and TURN servers of the session, asked for again when what is known is old. */

/** ms for which they are taken as they are. */
const FRESH = 300_000
/** ms to wait for new ones where old ones are known: without a line to the server those are better than none. */
const ENOUGH = 2000

export class IceServers {
  #known: { at: number; servers: RTCIceServer[] } | undefined
  #asking: Promise<RTCIceServer[]> | undefined

  constructor(private readonly ask: () => Promise<RTCIceServer[]>) {}

  /** Never rejects: without servers a direct path may still be found. */
  async fresh(): Promise<RTCIceServer[]> {
    const known = this.#known
    if (known && Date.now() - known.at < FRESH) return known.servers
    this.#asking ??= this.#askNow()
    if (!known) return this.#asking
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<RTCIceServer[]>((resolve) => {
      timer = setTimeout(() => resolve(known.servers), ENOUGH)
    })
    return Promise.race([this.#asking, patience]).finally(() => clearTimeout(timer))
  }

  async #askNow(): Promise<RTCIceServer[]> {
    try {
      const servers = await this.ask()
      this.#known = { at: Date.now(), servers }
      return servers
    } catch {
      return this.#known?.servers ?? []
    } finally {
      this.#asking = undefined
    }
  }
}
