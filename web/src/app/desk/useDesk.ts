import { useEffect, useMemo, useRef } from "preact/hooks"
import { useWaitingBell } from "../../components/telemedicine/waitingBell"
import { t } from "../../i18n/index"
import { type Waiting } from "../../lib/session/types"
import { useServices } from "../services"
import { setTitle } from "../title"
import { Desk } from "./desk"
import { type Person, type Row } from "./rows"

const longestWait = 6 * 60 * 60_000

/** The desk of this page, looking as long as the page is shown, and at once when it comes to the front. */
export function useDesk(): Desk {
  const { sessions, account } = useServices()
  const desk = useMemo(() => new Desk(sessions, account), [])
  useEffect(() => {
    const look = (): void => void desk.look()
    look()
    document.addEventListener("visibilitychange", look)
    return () => {
      document.removeEventListener("visibilitychange", look)
      desk.close()
    }
  }, [desk])
  return desk
}

/** Rings for who has come to wait, marks the tab, and remembers since when. */
export function useWaiting(rows: readonly Row[]): (session: string, person: Person) => number | undefined {
  const seen = useRef(new Map<string, number>())
  const all = rows.flatMap(({ id, waiting }) => waiting.map((person) => ({ ...person, place: `${id} ${person.id}` })))
  const places = all.map(({ place }) => place)
  // Before the rows are drawn: they show the time.
  for (const place of seen.current.keys()) if (!places.includes(place)) seen.current.delete(place)
  for (const place of places) if (!seen.current.has(place)) seen.current.set(place, Date.now())
  const waiting = useMemo(
    () =>
      all.map(({ place, name, knock }): Waiting => {
        const since = seen.current.get(place) ?? 0
        // Who goes and comes again rings again.
        const inside = { name, label: "", here: true, asks: false, besides: "" }
        return { ...(knock ?? inside), key: `${place} ${since}`, since }
      }),
    [places.join("\n")],
  )
  useWaitingBell(waiting)
  const title = t("dashboard.title")
  const news = all.length + rows.reduce((sum, { unread }) => sum + unread, 0)
  useEffect(() => setTitle(title, news), [title, news])
  return (session, { id, waitsSince = 0 }) => {
    // Who joined days ago and was never admitted has not waited all that time: then it is when this page saw it come.
    if (Date.now() - waitsSince < longestWait) return waitsSince
    return seen.current.get(`${session} ${id}`)
  }
}
