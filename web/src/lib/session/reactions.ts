/** Reactions as they are shown: one emoji each, and nothing that somebody wrote instead (docs/protocol.md §5.2). */
import { type Felt } from "./facts.ts"
import { type Reaction } from "./types.ts"

/** Pictures, flags and keycaps. */
const picture = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3/u
/** Of a browser that does not tell graphemes apart, code units of the longest one that is believed. */
const longest = 16

/** The first grapheme, if it is an emoji; else nothing. */
export function emojiOf(text: string): string | undefined {
  const first = firstGrapheme(text)
  return first !== undefined && picture.test(first) ? first : undefined
}

function firstGrapheme(text: string): string | undefined {
  if (typeof Intl.Segmenter === "undefined") return text.length <= longest ? text : undefined
  const [first] = new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)
  return first?.segment
}

/** By emoji, the first one first. */
export function reactionsOf(felt: readonly Felt[], self: string | undefined): Reaction[] {
  const groups = new Map<string, { names: string[]; own: boolean }>()
  for (const { by, emoji: text } of felt) {
    const emoji = emojiOf(text)
    if (emoji === undefined) continue
    const group = groups.get(emoji) ?? { names: [], own: false }
    if (by.memberId === self) group.own = true
    else group.names.push(by.name)
    groups.set(emoji, group)
  }
  return [...groups].map(([emoji, group]) => ({ emoji, ...group }))
}
