/** Finds web addresses in a text. Pure; what is not http or https stays text. */
export type Piece = { text: string; href?: undefined } | { text: string; href: string }

const address = /https?:\/\/[^\s<>"'`{}|\\^\u2028\u2029\u202a-\u202e\u2066-\u2069]+/giu

/** Punctuation that ends a sentence is not part of an address, nor a bracket that was not opened in it. */
function trimmed(found: string): string {
  let end = found
  for (;;) {
    if (/[.,;:!?…]$/u.test(end)) end = end.slice(0, -1)
    else if (end.endsWith(")") && end.split("(").length < end.split(")").length) end = end.slice(0, -1)
    else if (end.endsWith("]") && end.split("[").length < end.split("]").length) end = end.slice(0, -1)
    else return end
  }
}

function hrefOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  // "https://clinic.example@evil.example" shows another host than it opens.
  return url.username === "" && url.password === "" ? url.href : undefined
}

export function linkify(text: string): Piece[] {
  const pieces: Piece[] = []
  let from = 0
  for (const match of text.matchAll(address)) {
    const shown = trimmed(match[0])
    const href = hrefOf(shown)
    if (href === undefined) continue
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) })
    pieces.push({ text: shown, href })
    from = match.index + shown.length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}
