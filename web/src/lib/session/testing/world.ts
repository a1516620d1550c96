/** A server in memory and the pages that a test opened on it. */
import { type SessionPage } from "../page.ts"
import { type Session } from "../types.ts"
import { Profile, texts, until } from "./device.ts"
import { MemoryServer } from "./memoryServer.ts"

export class World {
  readonly server = new MemoryServer()
  private pages: SessionPage[] = []

  constructor() {
    this.server.install()
  }

  /** A clinician's session, opened, and the secret of the first guest's link. */
  async founded(options: { history?: boolean; passcode?: string; knock?: boolean; starts?: number; now?: () => number } = {}) {
    const profile = new Profile()
    const { now, ...rest } = options
    const { id, link } = await profile.page().create({ title: "Knee", name: "Dr Roe", ...rest })
    return { id, secret: fragmentOf(link), profile, host: await this.opened(profile, id, now) }
  }

  async opened(profile: Profile, id: string, now?: () => number): Promise<SessionPage> {
    const page = await profile.page(undefined, now).open(id)
    if (!page) throw new Error("no such session on this device")
    this.pages.push(page)
    return page
  }

  async joined(id: string, secret: string, name: string, profile = new Profile()): Promise<SessionPage> {
    const page = await profile.page().join(id, secret, name)
    this.pages.push(page)
    await until(
      () => page.phase.value.kind === "joined",
      () => [page.phase.value, String(page.engine?.lastError)],
    )
    return page
  }

  async close(): Promise<void> {
    await Promise.all(this.pages.map((page) => page.closed()))
  }
}

export function fragmentOf(link: string): string {
  return link.slice(link.indexOf("#") + 1)
}

export function shows(page: Session, text: string): Promise<void> {
  return until(
    () => texts(page.timeline).includes(text),
    () => [page.phase.value, page.alarms.value, texts(page.timeline)],
  )
}

export function eventsOf(page: Session): string[] {
  return page.timeline.value.flatMap((item) => (item.kind === "event" ? [item.event.type] : []))
}

/** How often each text stands in the timeline. */
export function countOf(page: Session, text: string): number {
  return texts(page.timeline).filter((each) => each === text).length
}

/** A promise and the function that resolves it. */
export function promised(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((done) => (resolve = done))
  return { promise, resolve }
}
