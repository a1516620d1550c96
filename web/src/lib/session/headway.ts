/** Reading a log comes nearer to its head with each page: it grows slower than it is read. */
import { Unreachable } from "./http.ts"

/** What a log may hold, a hundred times the limit that servers have by default. */
const mostEntries = 100_000_000

/** To call with what is still to come after each page; throws where the head runs ahead of what is given. */
export function headway(): (left: number) => void {
  let least = mostEntries
  let stuck = 0
  return (left) => {
    stuck = left < least ? 0 : stuck + 1
    least = Math.min(least, left)
    if (stuck > 2) throw new Unreachable("it speaks of messages and does not give them")
  }
}
