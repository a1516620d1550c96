/** File names and types from others, made safe for a file system and for showing. */

// Control characters, what file systems refuse, and marks that reverse or hide text (so that "fdp.exe" stays so).
// eslint-disable-next-line no-control-regex
const unsafe = /[\u0000-\u001f\u007f-\u009f\\/:*?"<>|\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu
const reserved = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i
const mimeShape = /^[a-z0-9][a-z0-9.+-]{0,60}\/[a-z0-9][a-z0-9.+-]{0,60}$/
const mostBytes = 200

export function safeName(name: string): string {
  const plain = name.normalize("NFC").replace(unsafe, "_").replace(/^[\s.]+/u, "").replace(/[\s.]+$/u, "")
  const free = plain === "" ? "file" : reserved.test(plain) ? `_${plain}` : plain
  return shortened(free)
}

export function safeMime(mime: string): string {
  const lower = mime.toLowerCase().split(";")[0]?.trim() ?? ""
  return mimeShape.test(lower) ? lower : "application/octet-stream"
}

/** Cuts in front of the ending, at whole characters. */
function shortened(name: string): string {
  const dot = name.lastIndexOf(".")
  const ending = dot > 0 && name.length - dot <= 16 ? name.slice(dot) : ""
  const stem = Array.from(ending === "" ? name : name.slice(0, dot))
  const bytes = (text: string) => new TextEncoder().encode(text).length
  while (stem.length > 1 && bytes(stem.join("")) + bytes(ending) > mostBytes) stem.pop()
  return stem.join("") + ending
}

/**
 * Names for one folder of an archive: each path made safe piece by piece ("files/../x" stays inside), and told apart where a
 * file system that ignores case would take two for one.
 */
export function namesInArchive(paths: readonly string[]): string[] {
  const taken = new Set<string>()
  return paths.map((path) => {
    const safe = path.split("/").filter((piece) => /[^\s.]/u.test(piece)).map(safeName).join("/") || "file"
    for (let count = 1; ; count += 1) {
      const name = count === 1 ? safe : numbered(safe, count)
      const plain = name.toLowerCase()
      if (taken.has(plain)) continue
      taken.add(plain)
      return name
    }
  })
}

function numbered(path: string, count: number): string {
  const dot = path.lastIndexOf(".")
  const ends = dot > path.lastIndexOf("/") + 1 ? dot : path.length
  return `${path.slice(0, ends)} (${count})${path.slice(ends)}`
}
