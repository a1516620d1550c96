/** Searching what is on this device, whatever its case, accents and vowel signs. Pure. */
import { type TimelineItem } from "../../lib/session/types"

/** A text as it is compared, and for each of its code units where in the written one it came from. */
interface Folded {
  text: string
  from: readonly number[]
}

/** Marks over and under letters, and the stroke that only lengthens an Arabic word. */
const unheard = /[\p{M}\u0640]/gu
/** Letters of one sound that people write one for the other. */
const alike: Readonly<Record<string, string>> = { ى: "ي", ة: "ه" }

function foldedLetter(letter: string): string {
  const bare = letter.normalize("NFKD").replace(unheard, "")
  // By way of the capital letter ß and ss are one, and the two small sigmas.
  const small = bare.toUpperCase().toLowerCase().normalize("NFKD").replace(unheard, "")
  return alike[small] ?? small
}

export function folded(written: string): Folded {
  let text = ""
  const from: number[] = []
  let at = 0
  for (const letter of written) {
    for (const unit of foldedLetter(letter).split("")) {
      text += unit
      from.push(at)
    }
    at += letter.length
  }
  return { text, from }
}

/** Where in `written` the words that are looked for stand, as [start, end) pairs. */
export function findIn(written: string, words: string): [number, number][] {
  const wanted = folded(words.trim()).text
  if (wanted === "") return []
  const { text, from } = folded(written)
  const found: [number, number][] = []
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    found.push([from[at] ?? 0, from[at + wanted.length] ?? written.length])
  }
  return found
}

const kept = new WeakMap<TimelineItem, string>()

function soughtText(item: TimelineItem): string {
  const known = kept.get(item)
  if (known !== undefined) return known
  const written = item.kind === "file" ? item.file.name : item.kind === "text" || item.kind === "note" ? item.text : ""
  const { text } = folded(written)
  kept.set(item, text)
  return text
}

/** Keys of the messages that hold the words, in the order of the timeline. */
export function search(timeline: readonly TimelineItem[], words: string): string[] {
  const wanted = folded(words.trim()).text
  if (wanted === "") return []
  return timeline.filter((item) => soughtText(item).includes(wanted)).map(({ key }) => key)
}
