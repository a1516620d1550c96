import { Icon } from "../Icon"
import { startWords } from "./starting"
import { useNow } from "./visibility"

/** The time agreed for the visit, and how far away it is; renewed quietly. */
export function StartsIn({ starts }: { starts: number }) {
  const now = useNow(15_000)
  return (
    <p class="starts-in">
      <Icon name="clock" />{" "}
      <time dateTime={new Date(starts).toISOString()}>{startWords(starts, now)}</time>
    </p>
  )
}
